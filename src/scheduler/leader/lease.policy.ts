/**
 * One leader among many, by a lease in a bucket that all of them know. The holder writes it anew about once a second; the
 * others watch its revision. What makes it safe is that nobody compares clocks: each measures durations on its own.
 *
 * - The holder counts from the moment that it *sent* its last write that was confirmed, and stops after `HOLDS_MS`.
 * - The others count from the moment that they *first saw* a revision, which is later, and take over after `TAKEN_AFTER_MS`.
 *
 * So a holder that is cut off has stopped two seconds before its lease can be another's.
 */
export interface Lease {
  /** One run of one process. */
  readonly holder: string;
  /** One more with each leader. */
  readonly term: number;
  /** Its holder has stopped, and nobody has to wait. */
  readonly released: boolean;
}

export const RENEWED_EVERY_MS = 1_000;
export const HOLDS_MS = 4_000;
export const TAKEN_AFTER_MS = 6_000;

/** A lease as it was read, and since when this process knows this revision. */
export interface SeenLease {
  readonly lease: Lease;
  readonly revision: number;
  readonly sinceMs: number;
}

/** @param nowMs taken behind the answer of the broker: earlier, the time would begin before the revision was there */
export function seen(
  before: SeenLease | null,
  entry: { readonly value: Lease; readonly revision: number },
  nowMs: number,
): SeenLease {
  if (before?.revision === entry.revision) return before;
  return { lease: entry.value, revision: entry.revision, sinceMs: nowMs };
}

/**
 * What to write now, and over which revision; null for nothing.
 * Its own lease it takes up again in the same term: a write of which nobody knows whether it came through has done so.
 *
 * @param lease null where there never was one, or its bucket was lost
 * @param known the highest term that anybody is known to have had
 */
export function nextLease(
  lease: SeenLease | null,
  me: string,
  nowMs: number,
  known = 0,
): { readonly lease: Lease; readonly over: number } | null {
  if (lease === null) return { lease: { holder: me, term: known + 1, released: false }, over: 0 };
  const { holder, term, released } = lease.lease;
  if (holder === me && !released) return { lease: lease.lease, over: lease.revision };
  if (!released && nowMs - lease.sinceMs < TAKEN_AFTER_MS) return null;
  return { lease: { holder: me, term: Math.max(term, known) + 1, released: false }, over: lease.revision };
}
