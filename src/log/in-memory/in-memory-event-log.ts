import type { LogEvent } from '../../domain/log-event.events.js';
import { InvalidAppendError, LogFullError } from '../event-log.errors.js';
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
import { encodeRecord, eventAt, eventsIn, inBatches, toRecords } from '../log-record.js';
import { countOf, RecordList } from '../record-ranges.policy.js';

export interface InMemoryEventLogOptions {
  /** The most bytes of events it takes; without it, what memory holds. */
  readonly maxBytes?: number;
  /** How long a dedupe key is remembered, in milliseconds. */
  readonly dedupeWindowMs?: number;
  readonly steadyMs?: () => number;
}

/** In the place of a record that was erased. */
const ERASED = new Uint8Array(0);

const DEDUPE_WINDOW_MS = 120_000;

interface Remembered {
  readonly sequence: number;
  readonly until: number;
}

/**
 * The log of one process, gone with it: for tests and trials of what is built on the log. It keeps bytes, as the broker
 * does, so that nothing passes here that could not be stored; it is never away and never overloaded.
 */
export class InMemoryEventLog implements EventLog {
  private readonly records: Uint8Array[] = [];
  private readonly keys = new Map<string, Remembered>();
  private readonly readers = new Set<() => void>();
  private readonly maxBytes: number;
  private readonly dedupeWindowMs: number;
  private readonly steadyMs: () => number;
  private bytes = 0;

  constructor(options: InMemoryEventLogOptions = {}) {
    this.maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.dedupeWindowMs = options.dedupeWindowMs ?? DEDUPE_WINDOW_MS;
    this.steadyMs = options.steadyMs ?? (() => performance.now());
  }

  async append(events: readonly LogEvent[], options: AppendOptions = {}): Promise<Appended> {
    if (events.length === 0 || events.length > MAX_EVENTS_PER_APPEND) {
      throw new InvalidAppendError(
        `An append takes 1 to ${MAX_EVENTS_PER_APPEND} events, not ${events.length}.`,
      );
    }
    const earlier = this.recall(options.dedupeKey);
    if (earlier !== null) return { firstSequence: earlier, duplicate: true };
    const records = toRecords(events);
    const firstSequence = positionOf(this.store(records.map(encodeRecord)), (records[0]?.length ?? 1) - 1);
    if (options.dedupeKey !== undefined) {
      this.keys.set(options.dedupeKey, {
        sequence: firstSequence,
        until: this.steadyMs() + this.dedupeWindowMs,
      });
    }
    return { firstSequence, duplicate: false };
  }

  async get(sequence: number): Promise<StoredEvent | null> {
    const bytes = this.records[streamSequenceOf(sequence) - 1];
    return bytes === undefined || bytes === ERASED ? null : eventAt(bytes, sequence);
  }

  async erase(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) {
      const index = streamSequenceOf(sequence) - 1;
      this.bytes -= this.records[index]?.length ?? 0;
      if (index in this.records) this.records[index] = ERASED;
    }
  }

  async lastSequence(only?: EventKind): Promise<number> {
    const last = this.records.findLastIndex(
      (bytes) => only === undefined || (bytes !== ERASED && isOf(bytes, only)),
    );
    return positionOf(last + 1);
  }

  async hindrance(): Promise<null> {
    return null;
  }

  async extent(): Promise<LogExtent> {
    return { lastSequence: await this.lastSequence(), missing: countOf(await this.missingRecords()) };
  }

  async missingRecords(): Promise<RecordList> {
    const missing = new RecordList();
    for (const [at, bytes] of this.records.entries()) if (bytes === ERASED) missing.add(at + 1, at + 1);
    return missing.merged();
  }

  async *read(
    fromSequence: number,
    { signal, maxBatch, only }: ReadOptions,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    let next = Math.max(1, streamSequenceOf(fromSequence));
    while (!signal.aborted) {
      const events: StoredEvent[] = [];
      const records = this.records.slice(next - 1, next - 1 + maxBatch);
      for (const bytes of records) {
        try {
          if (bytes !== ERASED && (only === undefined || isOf(bytes, only)))
            for (const stored of eventsIn(bytes, next, fromSequence)) events.push(stored);
        } catch (error) {
          yield* inBatches(events, maxBatch);
          throw error;
        }
        next += 1;
      }
      if (events.length > 0) yield* inBatches(events, maxBatch);
      else if (records.length === 0) await this.more(signal);
    }
  }

  /** Stores a record as it is, which no append would: for tests of what readers do with one. */
  storeRaw(record: Uint8Array): number {
    return positionOf(this.store([record]));
  }

  private recall(key: string | undefined): number | null {
    const remembered = key === undefined ? undefined : this.keys.get(key);
    return remembered !== undefined && this.steadyMs() < remembered.until ? remembered.sequence : null;
  }

  private store(records: readonly Uint8Array[]): number {
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    if (this.bytes + bytes > this.maxBytes) throw new LogFullError(`it holds ${this.maxBytes} bytes at most`);
    this.bytes += bytes;
    const firstSequence = this.records.length + 1;
    this.records.push(...records);
    for (const wake of [...this.readers]) wake();
    return firstSequence;
  }

  private async more(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.readers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.readers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

/** The broker files a record under its last event, and filters by that. */
function isOf(bytes: Uint8Array, kind: EventKind): boolean {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const last = Array.isArray(parsed) ? parsed.at(-1) : parsed;
  return String((last as { type?: unknown } | null)?.type).startsWith(`llmq.${kind}.`);
}
