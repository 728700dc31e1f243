import { setImmediate as othersServed, setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { ACK, type AckReply, type Delivery, handBackReply, IN_PROGRESS } from '../../../broker/acks.js';
import { intakeSubject } from '../../../broker/direct-subjects.policy.js';
import { ensureConsumer } from '../../../broker/ensure-consumer.js';
import { capacityLeft, Pull } from '../../../broker/pull.js';
import type { Caller } from '../../../domain/caller.js';
import { UNTRACED } from '../../../domain/trace-context.policy.js';
import {
  areSpansMade,
  endSpan,
  enterTrace,
  type Span,
  SpanKind,
  traceBehind,
} from '../../../platform/telemetry/spans.js';
import { ErasedBeforeError, type SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { isFailure, RefusedError, retryAfterSeconds } from '../../../submission/refusal.js';
import { refusedBy } from '../../../submission/refusal-of.js';
import type { SubmitResult } from '../../../submission/submit-message.js';
import { groupSize } from './intake-group.policy.js';
import { type IntakePlace, type Published, readPublished } from './published-message.js';
import type { RejectedMessages } from './rejected-messages.js';

/** Messages that are held here, under way into the log or in front of a full lane. */
const CAPACITY = 1_000;
/** They become one append of the log's. */
const GROUP = 500;
/** Of what is read in one go: meanwhile the process serves nobody else. */
const BYTES_AT_ONCE = 1024 * 1024;
/** What a message has beside its payload and headers, which the broker counts as well. */
const AROUND_BYTES = 1024 * 1024;
/** Of what waits for room, so few are tried: each try costs what it costs to accept a message. */
const GROUP_AFTER_FAILURE = 8;
const SHORTEST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1_000;
/** After a crash another process gets what this one held so soon. What is still held is told to the broker before. */
const ACK_WAIT_MS = 20_000;
const STILL_HERE_EVERY_MS = 5_000;
/** Of all processes together. */
const MAX_ACK_PENDING = 50_000;
/** A message that breaks the service is put aside after so many tries, alone, while others went through. */
const MOST_FAILURES = 10;

interface Held {
  readonly message: Msg;
  readonly delivery: Delivery;
  /** Read when its turn comes. */
  item: Published | null;
  failures: number;
  /** It was refused for now before. */
  tried: boolean;
  /** From when it is read until it is done with; null outside of a trace that is kept. */
  span: Span | null;
}

/** What came of messages since the start. */
export interface IntakeCounts {
  received: number;
  accepted: number;
  /** By the code of the refusal. */
  readonly rejected: Map<string, number>;
}

export interface IntakeFeedParts {
  readonly nats: NatsConnection;
  readonly logger: Logger;
  readonly caller: Caller;
  readonly place: IntakePlace;
  /** Of what is held here. One message more may come, however large. */
  readonly mostBytes: number;
  readonly submitOnce: Pick<SubmitOnce, 'submitMany'>;
  readonly rejected: Pick<RejectedMessages, 'tell'>;
}

/**
 * Takes what is published to one subject into the log, in its order, many in one append. A message is acknowledged when
 * it is in the log, or was rejected with a reason.
 *
 * What can't be taken in now (its lane is full, the log is away) is held here, in its order, and tried again; the broker
 * is told that it is worked on. When so many are held that there is room for no more, the rest waits in the stream until
 * that is full, and the broker refuses what is published.
 */
export class IntakeFeed {
  readonly counts: IntakeCounts = { received: 0, accepted: 0, rejected: new Map() };
  private readonly held: Held[] = [];
  private readonly pull: Pull;
  private readonly stopping = new AbortController();
  private work: Promise<void> = Promise.resolve();
  private arrived: () => void = () => undefined;
  private timer: NodeJS.Timeout | null = null;
  private groupSize = GROUP;

  constructor(private readonly parts: IntakeFeedParts) {
    const { nats, logger, place } = parts;
    const consumer = {
      durable_name: `intake_${place.lane}`,
      filter_subject: intakeSubject(place.root, place.lane),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_ACK_PENDING,
    };
    const options = {
      stream: place.stream,
      consumer: ensureConsumer(place.stream, consumer),
      wanted: (outstanding: number) =>
        outstanding > 0 || this.heldBytes >= parts.mostBytes ? 0 : capacityLeft(CAPACITY, this.held.length),
      // A request for less than the next message is never answered.
      maxBytes: () => Math.max(parts.mostBytes, (nats.info?.max_payload ?? 0) + AROUND_BYTES),
      onMessage: (message: Msg, delivery: Delivery) => this.receive(message, delivery),
      mayRest: true,
    };
    this.pull = new Pull(nats, options, logger);
  }

  start(): void {
    this.pull.begin();
    this.timer = setInterval(() => this.stillHere(), STILL_HERE_EVERY_MS).unref();
    this.work = this.run();
  }

  /** Takes no more, and sees what is on its way into the log to its end. The rest is for other processes. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.pull.stop();
    this.arrived();
    await this.work;
    if (this.timer !== null) clearInterval(this.timer);
    for (const { message } of this.held.splice(0)) this.answer(message, handBackReply(0));
  }

  /** Messages that are on their way into the log here, or wait for room in their lane. */
  get holds(): number {
    return this.held.length;
  }

  private receive(message: Msg, delivery: Delivery): void {
    this.counts.received += 1;
    this.held.push({ message, delivery, item: null, failures: 0, tried: false, span: null });
    this.arrived();
  }

  private get heldBytes(): number {
    return this.held.reduce((sum, { message }) => sum + message.data.length, 0);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (this.held.length === 0) {
        await new Promise<void>((resolve) => {
          this.arrived = resolve;
        });
        continue;
      }
      const group = this.held.slice(0, groupSize(this.held, this.groupSize, this.parts.place.lane));
      const waitMs = await this.takeIn(group).catch((error: unknown) => this.handBack(group, error));
      this.groupSize = waitMs === 0 ? Math.min(GROUP, 2 * this.groupSize) : GROUP_AFTER_FAILURE;
      this.pull.demand();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns after how many milliseconds those that are held still may be tried again; 0 where there are none */
  private async takeIn(group: readonly Held[]): Promise<number> {
    const results = await this.resultsOf(group);
    const settled = new Set<Held>();
    let waitMs = 0;
    for (const [at, held] of group.entries()) {
      const waits = await this.settle(held, results[at]!);
      if (waits === null) settled.add(held);
      else waitMs = Math.max(waitMs, waits);
    }
    const left = this.held.filter((held) => !settled.has(held));
    this.held.splice(0, this.held.length, ...left);
    return waitMs;
  }

  /**
   * What fails for a reason that nobody knows is tried alone. Only what fails so while others go through is to blame;
   * where all fail, it is the service or its servers, and they wait.
   */
  private async resultsOf(group: readonly Held[]): Promise<SubmitResult[]> {
    const items = await this.read(group);
    const results = await this.submit(items);
    const broken = results.flatMap((result, at) => (isBroken(result) ? [at] : []));
    const failedAlone: Held[] = [];
    if (group.length > 1) {
      for (const at of broken.slice(0, GROUP_AFTER_FAILURE)) {
        const [alone] = await this.submit([{ ...items[at]!, mayBeThere: true }]);
        results[at] = alone!;
        if (isBroken(alone!)) failedAlone.push(group[at]!);
      }
    }
    const somePass = results.some((result) => !(result instanceof RefusedError));
    if (somePass) for (const held of failedAlone) held.failures += 1;
    return results;
  }

  private async read(group: readonly Held[]): Promise<Published[]> {
    const items: Published[] = [];
    let bytes = 0;
    for (const held of group) {
      if (held.item === null) bytes += held.message.data.length;
      items.push(held.item ?? this.readOne(held));
      if (bytes < BYTES_AT_ONCE) continue;
      bytes = 0;
      await othersServed();
    }
    return items;
  }

  private readOne(held: Held): Published {
    const item = readPublished(held.message, held.delivery, this.parts.place);
    held.item = item;
    const { submission } = item;
    if (submission instanceof RefusedError || !areSpansMade()) return item;
    const { trace: publishers = UNTRACED } = submission;
    held.span = enterTrace('nats receive', publishers, { kind: SpanKind.CONSUMER });
    held.span?.setAttributes({ 'messaging.system': 'nats', 'llmq.message.id': item.id });
    held.item = { ...item, submission: { ...submission, trace: traceBehind(held.span, publishers) } };
    return held.item;
  }

  private submit(items: readonly Published[]): Promise<SubmitResult[]> {
    return this.parts.submitOnce
      .submitMany(this.parts.caller, items)
      .catch((error: unknown) => items.map((item) => this.failed(item, error)));
  }

  /** Nothing is known to fail here. Whatever does must stop neither the process nor the messages behind these. */
  private handBack(group: readonly Held[], error: unknown): number {
    this.parts.logger.error({ err: error, stream: this.parts.place.stream }, 'messages were handed back');
    for (const { message } of group) this.answer(message, handBackReply(ACK_WAIT_MS));
    this.held.splice(0, this.held.length, ...this.held.filter((held) => !group.includes(held)));
    return LONGEST_WAIT_MS;
  }

  /** What is wrong by itself stays so, whatever failed for the others. */
  private failed({ submission }: Published, error: unknown): RefusedError {
    if (submission instanceof RefusedError) return submission;
    const refused = refusedBy(error);
    if (refused.code === 'internal') this.parts.logger.error({ err: error }, 'messages were not taken in');
    return refused;
  }

  /** Null when the message is done with; else after how many milliseconds it may be tried again. */
  private async settle(held: Held, result: SubmitResult): Promise<number | null> {
    if (!(result instanceof RefusedError) || result instanceof ErasedBeforeError) {
      this.counts.accepted += 1;
      this.answer(held.message, ACK);
      if (held.span !== null) endSpan(held.span);
      return null;
    }
    const afterMs = this.retryAfterMs(held, result);
    if (afterMs !== null) {
      // It may be in the log all the same.
      held.item = { ...held.item!, mayBeThere: true };
      held.tried = true;
      return afterMs;
    }
    const { root, stream } = this.parts.place;
    const { message, delivery, item } = held;
    const sequence = delivery.streamSequence;
    const named = { id: item!.id, headerName: item!.headerName };
    try {
      await this.parts.rejected.tell({ message, root, stream, sequence, ...named, error: result });
      const { rejected } = this.counts;
      rejected.set(result.code, (rejected.get(result.code) ?? 0) + 1);
      this.answer(message, ACK);
      if (held.span !== null) endSpan(held.span, result.code);
      return null;
    } catch (error) {
      this.parts.logger.warn(
        { err: error, stream, sequence },
        'a rejected message was not told; trying again',
      );
      return LONGEST_WAIT_MS;
    }
  }

  /** Null for a message that will never be accepted. */
  private retryAfterMs(held: Held, { refusal, code }: RefusedError): number | null {
    if (!isFailure(refusal) || code === 'event_too_large') return null;
    if (code === 'internal' && held.failures >= MOST_FAILURES) return null;
    const told = (retryAfterSeconds(refusal) ?? 1) * 1_000;
    return Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, told));
  }

  private stillHere(): void {
    for (const { message } of this.held) this.answer(message, IN_PROGRESS);
  }

  private answer(message: Msg, reply: AckReply): void {
    try {
      message.respond(reply);
    } catch (error) {
      // The connection is closed for good: what is not acknowledged is handed out again.
      this.parts.logger.debug({ err: error }, 'an acknowledgement was not sent');
    }
  }
}

function isBroken(result: SubmitResult): boolean {
  return result instanceof RefusedError && result.code === 'internal';
}
