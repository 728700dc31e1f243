import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
  type StreamInfoRequestOptions,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { isPassing } from '../../broker/api-codes.js';
import { ConnectionWatch } from '../../broker/connection-watch.js';
import { ensureStreams } from '../../broker/ensure-streams.js';
import { withoutMajority } from '../../broker/majority.policy.js';
import { EVENTS_STREAM } from '../../broker/streams.js';
import type { LogEvent } from '../../domain/log-event.events.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { EventTooLargeError, InvalidAppendError, LogUnavailableError } from '../event-log.errors.js';
import {
  type Appended,
  type AppendOptions,
  type EventKind,
  type EventLog,
  type LogExtent,
  MAX_EVENTS_PER_APPEND,
  type ReadOptions,
  type StoredEvent,
} from '../event-log.port.js';
import { positionOf, streamSequenceOf } from '../log-position.js';
import { encodeRecord, eventAt, type LogRecord, lastOf, toRecords } from '../log-record.js';
import { RecordList } from '../record-ranges.policy.js';
import { subjectOf, subjectsOf } from '../subjects.js';
import { AnswerInbox } from './answer-inbox.js';
import { AppendHealth } from './append-health.js';
import { AppendPart } from './append-part.js';
import { BatchWriter } from './batch-writer.js';
import { EventReader } from './event-reader.js';
import { GroupCommit } from './group-commit.js';
import { StoredWrites } from './stored-writes.js';
import { WIRE_OVERHEAD_BYTES, type WireMessage } from './wire.js';

export interface JetStreamEventLogOptions {
  /** How long an append goes on trying, in milliseconds, where its caller does not say. */
  readonly appendTimeoutMs: number;
  /** How much memory appends under way may hold; one append alone is always let in. */
  readonly appendBufferBytes: number;
}

const REQUEST_TIMEOUT_MS = 2_000;
const BETWEEN_TRIES_MS = 100;
/** Servers in trouble are asked less often: an election takes longer. */
const WITHOUT_MAJORITY_MS = 1_000;
/** The broker writes over each record and syncs; a few at once keep it busy without crowding out appends. */
const ERASED_AT_ONCE = 8;

/** The log in JetStream's stream `LLMQ_EVENTS`, which `ensureStreams` has made before. */
export class JetStreamEventLog implements EventLog {
  readonly health = new AppendHealth();
  private readonly state: ConnectionWatch;
  private readonly inbox: AnswerInbox;
  private readonly groups: GroupCommit;
  private readonly stopWatching: () => void;
  private manager: Promise<JetStreamManager> | undefined;
  /** Known for as long as the connection was there once; the client forgets it while it reconnects. */
  private maxPayloadBytes = 0;

  constructor(
    readonly connection: NatsConnection,
    private readonly logger: Logger,
    private readonly options: JetStreamEventLogOptions,
  ) {
    this.state = ConnectionWatch.of(connection);
    this.inbox = new AnswerInbox(connection, this.state);
    const stored = new StoredWrites(connection, this.inbox);
    const { state, inbox, health } = this;
    const writer = new BatchWriter({ connection, state, inbox, stored, health, logger });
    this.stopWatching = state.onDown(() => health.sound());
    this.groups = new GroupCommit(writer, this.state, options.appendBufferBytes);
  }

  async append(events: readonly LogEvent[], options: AppendOptions = {}): Promise<Appended> {
    const key = options.dedupeKey === undefined ? null : messageIdOf(options.dedupeKey);
    refuseCount(events.length);
    const records = toRecords(events);
    const messages = records.map((record, index) => wireMessage(record, index === 0 ? key : null));
    const bytes = messages.reduce((sum, { payload }) => sum + payload.length + WIRE_OVERHEAD_BYTES, 0);
    this.refuseTooLarge(messages);
    this.health.admit();
    const { until, timeoutMs = until === undefined ? this.options.appendTimeoutMs : Infinity } = options;
    const patience = { timeoutMs, until, arrivedAt: performance.now() };
    const part = new AppendPart(messages, records[0]?.length ?? 1, key !== null, bytes, patience);
    this.groups.add(part);
    return part.result;
  }

  async get(sequence: number): Promise<StoredEvent | null> {
    const seq = streamSequenceOf(sequence);
    if (!Number.isSafeInteger(sequence) || seq < 1) return null;
    const stored = await this.ask(async (manager) => {
      const direct = await manager.direct.getMessage(EVENTS_STREAM, { seq });
      // A replica that is behind does not have it yet; the leader knows.
      return direct ?? (await manager.streams.getMessage(EVENTS_STREAM, { seq }));
    });
    return stored === null ? null : eventAt(stored.data, sequence);
  }

  async erase(sequences: readonly number[]): Promise<void> {
    const records = [...new Set(sequences.map(streamSequenceOf))];
    for (let from = 0; from < records.length; from += ERASED_AT_ONCE) {
      await Promise.all(records.slice(from, from + ERASED_AT_ONCE).map((seq) => this.eraseRecord(seq)));
    }
  }

  async lastSequence(only?: EventKind): Promise<number> {
    if (only !== undefined) return this.lastSequenceOf(only);
    const info = await this.ask((manager) => manager.streams.info(EVENTS_STREAM));
    return positionOf(info.state.last_seq);
  }

  async hindrance(): Promise<string | null> {
    const { cluster } = await this.ask((manager) => manager.streams.info(EVENTS_STREAM));
    return withoutMajority(cluster);
  }

  async extent(): Promise<LogExtent> {
    const { state } = await this.ask((manager) => toldByMajority(manager));
    return { lastSequence: positionOf(state.last_seq), missing: state.last_seq - state.messages };
  }

  async missingRecords(): Promise<RecordList> {
    const { state } = await this.ask((manager) => toldByMajority(manager, { deleted_details: true }));
    const missing = new RecordList();
    // An emptied stream begins behind its end.
    const first = Math.min(state.first_seq, state.last_seq + 1);
    if (first > 1) missing.add(1, first - 1);
    // Deleted records before the first one are not named; of an empty stream the broker names record 0.
    for (const record of state.deleted ?? []) if (record > 0) missing.add(record, record);
    return missing.merged();
  }

  private async lastSequenceOf(kind: EventKind): Promise<number> {
    const last_by_subj = subjectsOf(kind);
    const last = await this.ask((manager) => manager.streams.getMessage(EVENTS_STREAM, { last_by_subj }));
    return last === null ? 0 : positionOf(last.seq);
  }

  read(fromSequence: number, options: ReadOptions): AsyncIterable<readonly StoredEvent[]> {
    const { connection, logger } = this;
    return {
      [Symbol.asyncIterator]: () =>
        new EventReader({ connection, logger, fromSequence, ...options }).batches(),
    };
  }

  /** Waits for the appends under way, which their time-outs bound; the connection stays open. */
  async close(): Promise<void> {
    await this.groups.flushed();
    this.stopWatching();
    this.groups.close();
    this.inbox.close();
  }

  private eraseRecord(seq: number): Promise<boolean> {
    return this.ask(async (manager) => {
      try {
        return await manager.streams.deleteMessage(EVENTS_STREAM, seq, true);
      } catch (error) {
        // Erased before: the broker refuses to delete what is not there.
        if (isPassing(error) || (await manager.streams.getMessage(EVENTS_STREAM, { seq })) !== null)
          throw error;
        return false;
      }
    });
  }

  private refuseTooLarge(messages: readonly WireMessage[]): void {
    this.maxPayloadBytes = this.connection.info?.max_payload ?? this.maxPayloadBytes;
    for (const { payload } of messages) {
      const bytes = payload.length + WIRE_OVERHEAD_BYTES;
      if (this.maxPayloadBytes > 0 && bytes > this.maxPayloadBytes) {
        throw new EventTooLargeError(bytes, this.maxPayloadBytes);
      }
    }
  }

  /** @throws {LogUnavailableError} when the broker does not answer within the log's time-out */
  private async ask<T>(request: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const { appendTimeoutMs } = this.options;
    const deadline = performance.now() + appendTimeoutMs;
    for (;;) {
      try {
        this.manager ??= jetstreamManager(this.connection, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS });
        return await request(await this.manager);
      } catch (error) {
        if (!isPassing(error) && !(error instanceof NoMajorityError)) throw error;
        if (performance.now() >= deadline) {
          throw new LogUnavailableError('not_stored', appendTimeoutMs, (error as Error).message);
        }
        await sleep(error instanceof NoMajorityError ? WITHOUT_MAJORITY_MS : BETWEEN_TRIES_MS);
      }
    }
  }
}

/** It passes, with the next election or when the servers are back. */
class NoMajorityError extends Error {}

/**
 * What the log holds. A server that was cut off answers as well, before it has heard what it missed: what it lacks would
 * look lost.
 */
async function toldByMajority(
  manager: JetStreamManager,
  options: Partial<StreamInfoRequestOptions> = {},
): Promise<StreamInfo> {
  const info = await manager.streams.info(EVENTS_STREAM, options);
  const why = withoutMajority(info.cluster);
  if (why !== null) throw new NoMajorityError(why);
  return info;
}

/** Counts events, not records, so that an append that one adapter takes is taken by all. */
function refuseCount(events: number): void {
  if (events === 0) throw new InvalidAppendError('An append needs at least one event.');
  if (events <= MAX_EVENTS_PER_APPEND) return;
  throw new InvalidAppendError(
    `An append of ${events} events is more than ${MAX_EVENTS_PER_APPEND}, the most that are stored all or none.`,
  );
}

function wireMessage(record: LogRecord, messageId: string | null): WireMessage {
  return { subject: subjectOf(lastOf(record)), payload: encodeRecord(record), messageId };
}

/** A key can be any text, a header can't; the hash is short, and no key can pass for the id of a batch. */
function messageIdOf(dedupeKey: string): string {
  return `key.${createHash('sha256').update(dedupeKey).digest('base64url')}`;
}

/**
 * The log on this connection, with the streams and buckets of the service made and checked first.
 * @throws {IncompatibleStreamError | StreamSetupError} with a `code` and one paragraph
 */
export async function openEventLog(
  connection: NatsConnection,
  { nats, queue }: Pick<ServiceConfig, 'nats' | 'queue'>,
  logger: Logger,
): Promise<JetStreamEventLog> {
  const withMore = await ensureStreams(connection, nats.replicas, queue.idempotency_ttl_ms);
  if (withMore.length > 0)
    logger.warn(
      { streams: withMore },
      `These streams have more copies than nats.replicas (NATS_REPLICAS) says, which is ${nats.replicas}: copies are added, never taken away. "nats stream edit --replicas" takes them away`,
    );
  return new JetStreamEventLog(connection, logger, {
    appendTimeoutMs: nats.append_timeout_ms,
    appendBufferBytes: nats.append_buffer_bytes,
  });
}
