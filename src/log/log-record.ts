import { type LogEvent, strayRecord } from '../domain/log-event.events.js';
import { checkedEvent, parseJson } from './cloud-event.codec.js';
import { MalformedEventError } from './event-log.errors.js';
import type { StoredEvent } from './event-log.port.js';
import { EVENTS_PER_RECORD, positionOf, streamSequenceOf } from './log-position.js';
import { UPCASTS, type Upcast } from './upcast.js';

/** What one stored message of the broker holds: an event, or two of one message (of ours) that follow each other. */
export type LogRecord = readonly [LogEvent] | readonly [LogEvent, LogEvent];

/**
 * Cuts an append into records. Two events in one record are stored by one ordinary write, all or none; two records need
 * an atomic batch, which costs the broker several milliseconds of staging however small it is.
 *
 * The broker files a record under its last event, so an event that a consumer waits for (MessagePrioritized, in its
 * lane) never stands first of two. Only events of one subject share a record: else the event before a message's
 * reception could take the place beside it, and a worker would find its lane's event without the request.
 */
export function toRecords(events: readonly LogEvent[]): LogRecord[] {
  const records: LogRecord[] = [];
  for (let index = 0; index < events.length; ) {
    const first = events[index]!;
    const second = events[index + 1];
    const pair = second?.subject === first.subject && first.type !== 'llmq.message.prioritized.v1';
    records.push(pair ? [first, second!] : [first]);
    index += pair ? 2 : 1;
  }
  return records;
}

/** The event whose subject the record is filed under. */
export function lastOf(record: LogRecord): LogEvent {
  return record[record.length - 1]!;
}

/**
 * One CloudEvent in structured JSON mode, or two in CloudEvents' JSON batch mode: an array. `JSON.stringify` escapes
 * lone surrogates and NUL, so any content survives the way through UTF-8 unchanged.
 */
export function encodeRecord(record: LogRecord): Uint8Array {
  // A third of the time that a TextEncoder takes.
  return Buffer.from(JSON.stringify(record.length === 1 ? record[0] : record));
}

/**
 * @param streamSequence where the broker keeps the record
 * @throws {MalformedEventError} for bytes that are not one or two events of this version
 */
export function decodeRecord(
  bytes: Uint8Array,
  streamSequence: number,
  upcasts: ReadonlyMap<string, Upcast> = UPCASTS,
): StoredEvent[] {
  return [...eventsIn(bytes, streamSequence, 0, upcasts)];
}

/**
 * The record's events from a position on (of one that nobody of ours wrote, that it is there), each checked when it is asked for: a malformed event neither hides the one
 * before it, nor stops a reader that has passed it.
 *
 * @throws {MalformedEventError} at the first event that this version does not understand
 */
export function* eventsIn(
  bytes: Uint8Array,
  streamSequence: number,
  fromSequence: number,
  upcasts: ReadonlyMap<string, Upcast> = UPCASTS,
): Generator<StoredEvent, void, undefined> {
  const values = valuesIn(bytes);
  if (!values.some(isOurs)) {
    yield { sequence: positionOf(streamSequence), event: strayRecord(streamSequence, bytes.length) };
    return;
  }
  if (values.length > EVENTS_PER_RECORD) {
    throw new MalformedEventError(`a record of ${values.length} events`, positionOf(streamSequence));
  }
  for (const [index, value] of values.entries()) {
    const sequence = positionOf(streamSequence, values.length - 1 - index);
    if (sequence >= fromSequence) yield { sequence, event: checkedEvent(value, sequence, upcasts) };
  }
}

function valuesIn(bytes: Uint8Array): readonly unknown[] {
  try {
    const parsed = parseJson(bytes, null);
    return Array.isArray(parsed) ? parsed : [parsed];
  } catch {
    return [];
  }
}

/**
 * Whether it says that this service wrote it, whatever version of it. What does not is somebody's slip, which whoever
 * may write to the broker can make at any time: it must not stop who reads the log.
 */
function isOurs(value: unknown): boolean {
  const { source, type } = (value ?? {}) as { source?: unknown; type?: unknown };
  return source === '/llm-message-queue' || (typeof type === 'string' && type.startsWith('llmq.'));
}

/** The event at exactly this position of a record, or null where the position is its gap. */
export function eventAt(bytes: Uint8Array, sequence: number): StoredEvent | null {
  const [found] = eventsIn(bytes, streamSequenceOf(sequence), sequence);
  return found?.sequence === sequence ? found : null;
}

/** Where a record of ours begins, without a look at what its events say. */
export function firstPositionIn(bytes: Uint8Array, streamSequence: number): number {
  const parsed = parseJson(bytes, positionOf(streamSequence));
  return positionOf(streamSequence, Array.isArray(parsed) ? parsed.length - 1 : 0);
}

/** Records hold one event or two, so what was read by records is cut anew for a reader that counts events. */
export function* inBatches(
  events: readonly StoredEvent[],
  maxBatch: number,
): Generator<readonly StoredEvent[]> {
  for (let from = 0; from < events.length; from += maxBatch) yield events.slice(from, from + maxBatch);
}
