import { isStrayRecord, type WrittenEvent } from '../../domain/log-event.events.js';
import { MalformedEventError } from '../../log/event-log.errors.js';
import { type EventLog, type StoredEvent, written } from '../../log/event-log.port.js';
import { fitting } from '../../projection/read/page-bytes.js';

/** Requests of one reader that are sent at once: a page takes a few round trips instead of one for each event. */
const AT_ONCE = 32;

/** The events at these places of the log, in their order; those that were erased are left out. */
export async function readEvents(
  log: EventLog,
  sequences: readonly number[],
): Promise<StoredEvent<WrittenEvent>[]> {
  return (await readEventsWithin(log, sequences, Number.POSITIVE_INFINITY)).events;
}

export interface EventsRead {
  readonly events: StoredEvent<WrittenEvent>[];
  /** How many of the places they are from. */
  readonly places: number;
}

/** The first of these events that have so many bytes together as JSON, but one event however long it is. */
export async function readEventsWithin(
  log: EventLog,
  sequences: readonly number[],
  maxBytes: number,
): Promise<EventsRead> {
  const found: (StoredEvent | null)[] = [];
  const sizes: number[] = [];
  let next = 0;
  let bytes = 0;
  const readOn = async () => {
    while (next < sequences.length && bytes <= maxBytes) {
      const index = next++;
      const stored = await log.get(sequences[index]!);
      found[index] = stored;
      if (maxBytes === Number.POSITIVE_INFINITY || stored === null) continue;
      sizes[index] = Buffer.byteLength(JSON.stringify(stored.event));
      bytes += sizes[index];
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, sequences.length) }, readOn));
  const places = fitting(
    found.map((_, index) => sizes[index] ?? 0),
    maxBytes,
  );
  return { events: written(found.slice(0, places).filter((stored) => stored !== null)), places };
}

/**
 * The last sequence up to `sequence` that holds an event, readable or not; 0 if there is none. Sequences at the end can
 * be empty: the event was erased, or the record has only one event of the two that it could have.
 */
export async function lastEventUpTo(log: EventLog, sequence: number): Promise<number> {
  for (let at = sequence; at > 0; at -= 1) {
    try {
      if ((await log.get(at)) !== null) return at;
    } catch (error) {
      if (error instanceof MalformedEventError) return at;
      throw error;
    }
  }
  return 0;
}

/** By how much an event's time can be earlier than that of an event stored before it: clocks differ, appends are retried. */
export const TIME_SLACK_MS = 60_000;
/** How many sequences in a row are tried for an event before the time there counts as unknown. */
const LOOK_AHEAD = 64;

/**
 * A sequence at or before the first event of a time, by a binary search: some 30 reads for a log of any length. Events
 * are stored almost in the order of their times; the slack makes up for the difference.
 */
export async function sequenceAtTime(log: EventLog, time: string): Promise<number> {
  const wanted = Date.parse(time) - TIME_SLACK_MS;
  let low = 1;
  let high = (await log.lastSequence()) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const at = await timeFrom(log, middle, high);
    // An unknown time (erased, unreadable) moves the search down: the result may be too early, never too late.
    if (at !== null && at < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The time of the first event at or after a sequence, in milliseconds; null if none is near. */
async function timeFrom(log: EventLog, from: number, end: number): Promise<number | null> {
  for (let at = from; at < Math.min(end, from + LOOK_AHEAD); at += 1) {
    try {
      const stored = await log.get(at);
      if (stored !== null && !isStrayRecord(stored.event)) return Date.parse(stored.event.time);
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
    }
  }
  return null;
}
