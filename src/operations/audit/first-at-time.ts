import { MalformedEventError } from '../../log/event-log.errors.js';
import type { EventLog } from '../../log/event-log.port.js';

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
