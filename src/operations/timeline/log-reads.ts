import { MalformedEventError } from '../../log/event-log.errors.js';
import type { EventLog, StoredEvent } from '../../log/event-log.port.js';

/** Requests of one reader on their way to the broker at once: a page takes a few round trips, not one for each event. */
const AT_ONCE = 32;

/** The events at these places of the log, in their order; those that were erased are left out. */
export async function readEvents(log: EventLog, sequences: readonly number[]): Promise<StoredEvent[]> {
  const found = new Array<StoredEvent | null>(sequences.length).fill(null);
  let next = 0;
  const readOn = async () => {
    while (next < sequences.length) {
      const index = next++;
      found[index] = await log.get(sequences[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, sequences.length) }, readOn));
  return found.filter((stored) => stored !== null);
}

/**
 * The last place up to `sequence` at which there is something, readable or not; 0 where there is nothing. Places before
 * the end can be empty: erased, or the gap of a record with one event.
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

/** How far an event's time can lie before the times of events stored earlier: clocks differ, and appends are tried again. */
export const TIME_SLACK_MS = 60_000;
/** So many empty places in a row are looked at for an event before its time counts as unknown. */
const LOOK_AHEAD = 64;

/**
 * A sequence at or before the first event of a time, found in some 30 looks at the log whatever its length. Events are
 * stored nearly in the order of their times, so what begins here, less the slack, misses none.
 */
export async function sequenceAtTime(log: EventLog, time: string): Promise<number> {
  const wanted = Date.parse(time) - TIME_SLACK_MS;
  let low = 1;
  let high = (await log.lastSequence()) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const at = await timeFrom(log, middle, high);
    // Where nothing is known (erased, unreadable), the search goes on below: it may begin too early, never too late.
    if (at !== null && at < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The time of the first event from a place on, in milliseconds; null where none is near. */
async function timeFrom(log: EventLog, from: number, end: number): Promise<number | null> {
  for (let at = from; at < Math.min(end, from + LOOK_AHEAD); at += 1) {
    try {
      const stored = await log.get(at);
      if (stored !== null) return Date.parse(stored.event.time);
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
    }
  }
  return null;
}
