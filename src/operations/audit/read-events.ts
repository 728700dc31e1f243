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
