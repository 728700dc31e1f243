import { isAnotherLog, type LogDamage } from './log-damage.policy.js';
import { damageText } from './log-damage.words.js';

/** The tables were folded from a log that is not this one, or of which the end is lost. */
export class LogMismatchError extends Error {
  readonly code = 'log_mismatch';
  constructor(detail: string) {
    super(
      `The projection does not belong to this event log: ${detail}. The log was lost or replaced, or NATS_URL and DATABASE_URL belong to different installations. Put the right log back, or restore a back-up. If this log is the right one, "npm run llmq -- events salvage" writes down what only the tables know, and "npm run projections:rebuild -- --force" builds the tables from this log.`,
    );
  }
}

/** Records are missing from the log that no erasure names. The tables still have what was in them, if it was folded. */
export class LogDamagedError extends Error {
  readonly code = 'log_damaged';
  constructor(detail: string) {
    super(
      `The event log is damaged: ${detail}. Restore a back-up of it. To go on without these records, "npm run llmq -- events salvage" writes down what the tables still know of lost messages, and "npm run projections:rebuild -- --force" builds the tables from what is left.`,
    );
  }
}

/** @throws {LogMismatchError} {LogDamagedError} for the worst of it, with all of it in words */
export function refuseDamage(damage: readonly LogDamage[]): void {
  if (damage.length === 0) return;
  const detail = damage.map(damageText).join('; ');
  throw damage.some(isAnotherLog) ? new LogMismatchError(detail) : new LogDamagedError(detail);
}
