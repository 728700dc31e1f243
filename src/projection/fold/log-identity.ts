import type { EventLog } from '../../log/event-log.port.js';
import type { Checkpoint } from '../tables/checkpoint.js';

/** The tables were folded from a log that is not this one, or of which the end is lost. */
export class LogMismatchError extends Error {
  readonly code = 'log_mismatch';
  constructor(detail: string) {
    super(
      `The projection does not belong to this event log: ${detail}. The log was lost or replaced, or NATS_URL and DATABASE_URL belong to different installations. If this log is the right one, run "npm run projections:rebuild" to build the tables from it.`,
    );
  }
}

/** @throws {LogMismatchError} when the checkpoint is beyond the log's end, or another event is at its place */
export async function assertSameLog(log: EventLog, checkpoint: Checkpoint): Promise<void> {
  if (checkpoint.sequence === 0) return;
  await assertReaches(log, checkpoint.sequence);
  const stored = await log.get(checkpoint.sequence);
  // Erased: the place is empty, which proves nothing.
  if (stored === null || checkpoint.eventId === null) return;
  if (stored.event.id !== checkpoint.eventId) {
    throw new LogMismatchError(
      `at sequence ${checkpoint.sequence} it has event ${stored.event.id}, the projection was built with ${checkpoint.eventId}`,
    );
  }
}

/** Returns the log's last sequence. @throws {LogMismatchError} when it is before what is applied already */
export async function assertReaches(log: EventLog, applied: number): Promise<number> {
  const last = await log.lastSequence();
  if (last >= applied) return last;
  throw new LogMismatchError(`the log ends at sequence ${last}, the projection is at ${applied}`);
}

/** The last sequence up to `sequence` that holds an event: its own may be erased, and would never be read. */
export async function lastStoredUpTo(log: EventLog, sequence: number): Promise<number> {
  let at = sequence;
  while (at > 0 && (await log.get(at)) === null) at -= 1;
  return at;
}
