import type { EventLog } from '../../log/event-log.port.js';

/** The last sequence up to `sequence` that holds an event: its own may be erased, and would never be read. */
export async function lastStoredUpTo(log: EventLog, sequence: number): Promise<number> {
  let at = sequence;
  while (at > 0 && (await log.get(at)) === null) at -= 1;
  return at;
}
