import { isStrayRecord, type LogEvent, type WrittenEvent } from '../domain/log-event.events.js';
import type { RecordList } from './record-ranges.policy.js';

/** The most events of one append, in every adapter: it is the broker's limit for what is stored all or none. */
export const MAX_EVENTS_PER_APPEND = 1_000;

export interface StoredEvent<E extends LogEvent = LogEvent> {
  /**
   * The position in the log: positive, rising, the same for ever, and with gaps. It is not the broker's sequence
   * (`log-position`), since two events that belong together lie in one record of the broker.
   */
  readonly sequence: number;
  readonly event: E;
}

/** Without the records that no process of the service has written. */
export function written(events: readonly StoredEvent[]): StoredEvent<WrittenEvent>[] {
  return events.filter((stored): stored is StoredEvent<WrittenEvent> => !isStrayRecord(stored.event));
}

export interface AppendOptions {
  /**
   * The append is stored at most once per key while the broker remembers it (its dedupe window, two minutes by default).
   * It shortens the road for a fast retry. Lasting idempotency is the fold's: the first terminal event counts.
   */
  readonly dedupeKey?: string;
  /** How long to go on trying, in milliseconds; the log's own `append_timeout_ms` when absent. */
  readonly timeoutMs?: number;
  /**
   * Instead of a time: goes on until this aborts. For what must be stored, and must not be stored twice: who repeats an
   * append in doubt makes another one of it, while this one stays the same for as long as it takes.
   */
  readonly until?: AbortSignal;
}

export interface Appended {
  /** The sequence of the first event. Of two events of one message, the first not MessagePrioritized, the other's is the next one. */
  readonly firstSequence: number;
  /** True when an append with the same `dedupeKey` was there already and nothing was stored now. */
  readonly duplicate: boolean;
}

/**
 * The log: the only truth of this service.
 *
 * Deliberately absent: updates, deletes for any reason but erasure, queries by anything but the sequence
 * (projections answer those), and subscriptions with acknowledgements (lanes have them).
 */
export interface EventLog {
  /**
   * Stores the events in their order, all or none, and resolves when they are durable: stored and, where the broker
   * syncs each write, fsynced. Appends that arrive together share one write.
   *
   * @throws {LogOverloadedError} at once, when the appends under way hold more memory than allowed; nothing was stored
   * @throws {LogUnavailableError} after the time-out or the abort; the events may or may not have been stored (see `outcome`)
   * @throws {LogFullError} when the stream's size limit is reached; nothing was stored
   * @throws {EventTooLargeError} at once, for an event, or two in one record, beyond what the broker takes in one message
   * @throws {InvalidAppendError} at once, for no event or more than 1,000
   */
  append(events: readonly LogEvent[], options?: AppendOptions): Promise<Appended>;

  /** One event, or null where the sequence is a gap, erased or not yet written. */
  get(sequence: number): Promise<StoredEvent | null>;

  /**
   * Overwrites the records that hold these events and takes them out of the log, for good. Of two events that share a
   * record both go. Sequences that hold nothing (any more) are passed over, so it can be repeated after a failure.
   *
   * @throws {LogUnavailableError} when the broker does not confirm; some may be erased and some not
   */
  erase(sequences: readonly number[]): Promise<void>;

  /** The sequence of the newest event, or of the newest of this kind; 0 while there is none. */
  lastSequence(only?: EventKind): Promise<number>;

  /**
   * Whether it can store now, as far as its own servers know; null where nothing speaks against it. A sentence for people
   * without a full stop. A round trip.
   *
   * @throws {LogUnavailableError} where nobody answers
   */
  hindrance(): Promise<string | null>;

  /**
   * What the broker holds now, by its own count. A round trip, however long the log is.
   *
   * @throws {LogUnavailableError} where no majority of its servers stands behind the answer: one that was cut off knows less
   */
  extent(): Promise<LogExtent>;

  /** The records between the log's first number and its end that it does not hold, in order: erased, or lost. Throws as `extent` does. */
  missingRecords(): Promise<RecordList>;

  /**
   * All events from a sequence on, in order, in batches as they come, and then live ones until the signal aborts.
   * A lost connection is survived: reading goes on behind the last batch handed out, without gap or repetition.
   *
   * @throws {MalformedEventError} for an event that no codec understands, naming its sequence
   */
  read(fromSequence: number, options: ReadOptions): AsyncIterable<readonly StoredEvent[]>;
}

export interface LogExtent {
  /** As `lastSequence` tells it. */
  readonly lastSequence: number;
  /**
   * How many records the log does not hold. The broker numbers them from 1 on without gaps: one that is missing up to the
   * last was taken out, or lost.
   */
  readonly missing: number;
}

/**
 * The kinds that can be read without all others: the first words of their types. Message events can't: only their fold
 * as a whole makes sense.
 */
export type EventKind =
  | 'admin'
  | 'admin.log-loss-accepted'
  | 'conversation.erasure-begun'
  | 'conversation.erasure-finished'
  | 'erasure.begun'
  | 'erasure.finished';

export interface ReadOptions {
  /** Nothing but events of this kind, found by an index of the broker's and not by looking through the log. */
  readonly only?: EventKind;
  readonly signal: AbortSignal;
  /** At most this many events in one batch. */
  readonly maxBatch: number;
  /** Records (of one event or two) that are asked of the broker at a time; `maxBatch` by default. Twice as many may wait. */
  readonly ahead?: number;
}
