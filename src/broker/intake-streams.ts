import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { systemSources } from '../platform/clock.js';
import { isWithoutRoom } from './api-codes.js';
import { StreamSetupError } from './broker.errors.js';
import { INTAKE_LANES, intakeSubject, rejectedSubject, rootOf } from './direct-subjects.policy.js';
import { makeStream } from './ensure-streams.js';
import { streamInfo } from './stream-info.js';
import { DEDUPE_WINDOW_MS, type WantedStream } from './streams.js';
import { whenSettled } from './when-settled.js';

export const INTAKE_STREAM = 'LLMQ_INTAKE';
export const REJECTED_STREAM = 'LLMQ_REJECTED';
/** How far results were told. */
export const RESULTS_BUCKET = 'llmq_results';

const EARLIER_SUBJECT = 'llmq.intake.*';
const DAY_MS = 86_400_000;
export const REJECTED_KEPT_MS = 7 * DAY_MS;
const TOLD_WITHIN_MS = 2_000;
/** Of each publisher, so that none pushes out what another may want to read. */
const REJECTED_KEPT = 10_000;
const MIB = 1024 * 1024;
/** The least room that is asked for where the broker has not what it should set aside. */
const LEAST_BYTES = MIB;
/** What is left to others: a broker that has set all aside makes no stream and changes none. */
const SPARE_BYTES = 16 * MIB;

export interface IntakeLimits {
  readonly max_messages: number;
  /** Null for no limit. */
  readonly max_bytes: number | null;
}

/** Each publisher has a stream of its own: its limits and its `Nats-Msg-Id`s are nobody else's. Null for one's own login. */
export function intakeStreamOf(publisher: string | null): string {
  return publisher === null ? INTAKE_STREAM : `${INTAKE_STREAM}_${publisher}`;
}

function isIntakeStream(name: string): boolean {
  return name === INTAKE_STREAM || name.startsWith(`${INTAKE_STREAM}_`);
}

/** An acknowledgement of it is a promise: what is over the limits is refused, and nothing that was stored is dropped. */
export function intakeStream(publisher: string | null, limits: IntakeLimits, replicas: number): WantedStream {
  const root = rootOf(publisher);
  return {
    name: intakeStreamOf(publisher),
    description: `LLM Message Queue: messages of ${publisher ?? "the service's own login"} on their way into the log`,
    subjects: INTAKE_LANES.map((lane) => intakeSubject(root, lane)),
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: limits.max_messages,
    max_bytes: limits.max_bytes ?? -1,
    duplicate_window: nanos(DEDUPE_WINDOW_MS),
    allow_direct: true,
    num_replicas: replicas,
  };
}

function rejectedStream(replicas: number): WantedStream {
  return {
    name: REJECTED_STREAM,
    description: 'LLM Message Queue: what publishers sent and was not taken in, with the reason',
    subjects: [rejectedSubject(rootOf(null)), rejectedSubject(rootOf('*'))],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(REJECTED_KEPT_MS),
    max_msgs_per_subject: REJECTED_KEPT,
    duplicate_window: nanos(DEDUPE_WINDOW_MS),
    allow_direct: true,
    num_replicas: replicas,
  };
}

function resultsBucket(replicas: number): WantedStream {
  return {
    name: `KV_${RESULTS_BUCKET}`,
    description: 'LLM Message Queue: how far the results of messages were told',
    subjects: [`$KV.${RESULTS_BUCKET}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    num_replicas: replicas,
  };
}

/** Which publishers have a stream: those of the configuration, and the service's own login. */
export interface IntakeChoices {
  readonly publishers: readonly (string | null)[];
  readonly limits: IntakeLimits;
  readonly replicas: number;
}

/** How many bytes of a publisher may wait, as the broker has it; null for no limit. */
export interface IntakeRoom {
  readonly publisher: string | null;
  readonly maxBytes: number | null;
}

/**
 * Makes the streams of publishers, or brings those that are there to the configured limits: one that an earlier start
 * closed, since nothing read it then, is open again. Nothing that a stream holds is dropped, however small it becomes.
 *
 * The broker sets a stream's bytes aside. Where it has not so many, all publishers get half, or half of that, and so on; and
 * where it has none at all, streams that are there stay as they are.
 *
 * @throws {IncompatibleStreamError} {StreamSetupError} as `ensureStreams`
 */
export async function ensureIntakeStreams(
  connection: NatsConnection,
  choices: IntakeChoices,
): Promise<readonly IntakeRoom[]> {
  const { publishers, replicas } = choices;
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const rooms = await withinRoom(choices.limits, async (limits, isLeast) => {
    const rooms: IntakeRoom[] = [];
    for (const publisher of publishers) {
      const wanted = intakeStream(publisher, limits, replicas);
      await whenSettled(() => narrow(manager, wanted));
      await makeStream(connection, manager, withSpare(wanted));
      rooms.push({ publisher, maxBytes: await roomOf(manager, wanted, isLeast) });
    }
    return rooms;
  });
  await makeStream(connection, manager, rejectedStream(replicas));
  return rooms;
}

/**
 * Lets publishers store, or not: a closed one keeps what it holds, and its messages are read all the same. Room for one
 * byte is what the broker takes for none.
 */
export async function letPublish(
  connection: NatsConnection,
  { publishers, limits, replicas }: IntakeChoices,
  open: boolean,
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await withinRoom(open ? limits : { ...limits, max_bytes: 1 }, async (fitting) => {
    for (const publisher of publishers) {
      const wanted = intakeStream(publisher, fitting, replicas);
      await (open ? enlarge(manager, wanted) : limit(manager, wanted));
    }
  });
}

/** Tries with less and less, down to the least. @throws what the last try threw */
async function withinRoom<T>(
  limits: IntakeLimits,
  attempt: (limits: IntakeLimits, isLeast: boolean) => Promise<T>,
): Promise<T> {
  for (let { max_bytes } = limits; ; ) {
    const isLeast = max_bytes === null || max_bytes <= LEAST_BYTES;
    try {
      return await attempt({ ...limits, max_bytes }, isLeast);
    } catch (error) {
      const cause = error instanceof StreamSetupError ? error.cause : error;
      if (isLeast || !isWithoutRoom(cause)) throw error;
      max_bytes = Math.max(LEAST_BYTES, Math.floor(max_bytes! / 2));
    }
  }
}

/** What a publisher was promised, and no process has taken into the log yet. */
export interface IntakeBacklog {
  readonly waiting: number;
  readonly waitingBytes: number;
  /** How many may wait, and bytes of them; null for any. A stream that is closed to its publisher may hold one byte. */
  readonly maxMessages: number | null;
  readonly maxBytes: number | null;
  /** How long the oldest has waited; 0 where none waits. */
  readonly oldestAgeMs: number;
}

/** Of publishers of whom the broker does not tell, nothing. @throws when it tells nothing in time */
export async function intakeBacklogs(
  connection: NatsConnection,
  publishers: readonly (string | null)[],
): Promise<readonly (IntakeBacklog & { readonly publisher: string | null })[]> {
  const named = new Map(publishers.map((publisher) => [intakeStreamOf(publisher), publisher]));
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: TOLD_WITHIN_MS });
  const found: (IntakeBacklog & { readonly publisher: string | null })[] = [];
  // All of them in one answer or a few, however many publishers there are.
  for await (const { config, state, ts } of manager.streams.list()) {
    const publisher = named.get(config.name);
    if (publisher === undefined) continue;
    // By the broker's clock, as the times of its messages are.
    const nowMs = ts === undefined ? systemSources.nowMs() : Date.parse(ts);
    const ageMs = state.messages === 0 ? 0 : nowMs - Date.parse(state.first_ts);
    found.push({
      ...{ publisher, waiting: state.messages, waitingBytes: state.bytes },
      ...{ maxMessages: limitOf(config.max_msgs), maxBytes: limitOf(config.max_bytes) },
      oldestAgeMs: Math.max(0, ageMs),
    });
  }
  return found;
}

/** Those of publishers that the configuration names no more, or all, where nothing is taken in. */
export async function unusedIntakeStreams(
  connection: NatsConnection,
  used: readonly (string | null)[],
): Promise<string[]> {
  const kept = new Set(used.map(intakeStreamOf));
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const there = await whenSettled(() => intakeStreamsIn(manager));
  return there.filter((name) => isIntakeStream(name) && !kept.has(name));
}

/** All that the broker has of publishers: what waits, what was not taken in, and how far results were told. */
export async function intakeStreamsIn(manager: JetStreamManager): Promise<string[]> {
  const found: string[] = [];
  for await (const name of manager.streams.names()) {
    if (isIntakeStream(name) || name === REJECTED_STREAM || name === `KV_${RESULTS_BUCKET}`) found.push(name);
  }
  return found;
}

/** That of a process that tells results: it has none of the others. */
export async function ensureResultsBucket(connection: NatsConnection, replicas: number): Promise<void> {
  await makeStream(
    connection,
    await jetstreamManager(connection, { checkAPI: false }),
    resultsBucket(replicas),
  );
}

/** What an earlier version made takes a subject that is another stream's now. What it holds is read all the same. */
async function narrow(manager: JetStreamManager, { name, subjects }: WantedStream): Promise<void> {
  const config = (await streamInfo(manager, name))?.config;
  if (config?.subjects.join() !== EARLIER_SUBJECT) return;
  await manager.streams.update(name, { ...config, subjects });
}

/** Limits a stream that is there, or leaves it as it is where it must. @returns the bytes that it may hold */
async function roomOf(
  manager: JetStreamManager,
  wanted: WantedStream,
  mustStay: boolean,
): Promise<number | null> {
  try {
    await whenSettled(() => enlarge(manager, wanted));
    return limitOf(wanted.max_bytes!);
  } catch (error) {
    // A store that has become smaller than what it sets aside takes no change at all, not even to less.
    if (!mustStay || !isWithoutRoom(error)) throw error;
    return limitOf((await manager.streams.info(wanted.name)).config.max_bytes);
  }
}

/** Asks for more than is wanted and gives that back, so that what the broker has left is known to be enough for others. */
async function enlarge(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const { config } = await manager.streams.info(wanted.name);
  if (isLimited(config, wanted)) return;
  await limit(manager, withSpare(wanted));
  await limit(manager, wanted);
}

function withSpare(wanted: WantedStream): WantedStream {
  const { max_bytes = -1 } = wanted;
  return { ...wanted, max_bytes: max_bytes < 0 ? max_bytes : max_bytes + Math.min(max_bytes, SPARE_BYTES) };
}

type Limits = Pick<WantedStream, 'max_msgs' | 'max_bytes'>;

function isLimited(have: Limits, wanted: Limits): boolean {
  return have.max_msgs === wanted.max_msgs && have.max_bytes === wanted.max_bytes;
}

/** The configuration says how much waits there; elsewhere it is the operator who says it to the broker. */
async function limit(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const { name, max_msgs, max_bytes } = wanted;
  const { config } = await manager.streams.info(name);
  if (isLimited(config, wanted)) return;
  await manager.streams.update(name, { ...config, max_msgs: max_msgs!, max_bytes: max_bytes! });
}

/** -1 stands for none. */
function limitOf(most: number): number | null {
  return most < 0 ? null : most;
}
