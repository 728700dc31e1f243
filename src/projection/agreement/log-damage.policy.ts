import type { RecordRange } from '../../log/record-ranges.policy.js';

/** What the broker holds now, as far as the tables' place in it goes. */
export interface LogNow {
  readonly lastSequence: number;
  /** Records up to the last one that are missing, and that neither an erasure nor a person explains. Ascending. */
  readonly unexplained: readonly RecordRange[];
  /** The ids of events at places that the tables know; null where the place is empty, which proves nothing. */
  readonly eventIdAt: (sequence: number) => string | null;
}

/** An event that the tables were built with. */
export interface KnownEvent {
  readonly sequence: number;
  /** Null where it was never kept. */
  readonly eventId: string | null;
}

/**
 * How the log fails to be the one that the tables were built from.
 * - `end_lost`: it ends before what the tables hold already.
 * - `replaced`: another event is at a place that the tables know.
 * - `records_missing`: it has gaps that nothing explains.
 */
export type LogDamage =
  | { readonly kind: 'end_lost'; readonly endsAt: number; readonly knownUpTo: number }
  | { readonly kind: 'replaced'; readonly sequence: number; readonly found: string; readonly known: string }
  | { readonly kind: 'records_missing'; readonly ranges: readonly RecordRange[] };

/**
 * Holds the log against what the tables were built with.
 *
 * @param known events that the tables hold: where they are now, and where they were at an earlier look. A log that lost
 *   its end and grew again is found by the earlier one
 */
export function logDamage(log: LogNow, known: readonly KnownEvent[]): LogDamage[] {
  const damage: LogDamage[] = [];
  const endsAt = log.lastSequence;
  const knownUpTo = Math.max(0, ...known.map(({ sequence }) => sequence));
  if (knownUpTo > endsAt) damage.push({ kind: 'end_lost', endsAt, knownUpTo });
  for (const { sequence, eventId } of known) {
    const found = eventId === null ? null : log.eventIdAt(sequence);
    if (found === null || found === eventId) continue;
    damage.push({ kind: 'replaced', sequence, found, known: eventId! });
    break;
  }
  if (log.unexplained.length > 0) damage.push({ kind: 'records_missing', ranges: log.unexplained });
  return damage;
}

/** True where the tables tell of another log than this one: what they lack may be in the log, and they can't know. */
export function isAnotherLog({ kind }: LogDamage): boolean {
  return kind !== 'records_missing';
}
