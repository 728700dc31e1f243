import { MalformedEventError } from '../../log/event-log.errors.js';
import type { EventLog } from '../../log/event-log.port.js';

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
