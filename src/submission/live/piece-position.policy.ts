/**
 * Where a piece stands in the answer of its message. Later attempts, later deliveries of one attempt, and later pieces of
 * one delivery stand behind earlier ones. All count from 1.
 */
export interface PiecePosition {
  readonly attempt: number;
  readonly delivery: number;
  readonly seq: number;
}

const SEQS = 2 ** 22;
const DELIVERIES = 2 ** 14;
const LAST_DELIVERY = DELIVERIES - 1;
const MOST_ATTEMPTS = Number.MAX_SAFE_INTEGER / (SEQS * DELIVERIES);

/**
 * A position as one whole number that any process computes alike: 1, 2, 3 ... for an answer that comes at once. The last
 * delivery's numbers are the end's, so no more than 16,382 deliveries of an attempt and 4 million pieces of one are told
 * apart.
 */
export function numberOf({ attempt, delivery, seq }: PiecePosition): number {
  const run = (attempt - 1) * DELIVERIES + Math.min(delivery, LAST_DELIVERY) - 1;
  return run * SEQS + Math.min(seq, SEQS - 1);
}

/** The number of the message's end, behind every piece of this attempt and before all of the next. */
export function endOf(attempt: number): number {
  return attempt * DELIVERIES * SEQS - 1;
}

/** For 0, which stands before all, a position before the first piece. */
export function positionOf(number: number): PiecePosition {
  const run = Math.floor(number / SEQS);
  return {
    attempt: Math.floor(run / DELIVERIES) + 1,
    delivery: (run % DELIVERIES) + 1,
    seq: number % SEQS,
  };
}

/** Whether a number stands behind all that was told while the answer came: at its end, or in what was told of it then. */
export function isAtEnd(number: number): boolean {
  return positionOf(number).delivery > LAST_DELIVERY;
}

/** Null for a text that is no position. */
export function positionIn(text: string): number | null {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return null;
  const number = Number(text);
  return number <= Number.MAX_SAFE_INTEGER && positionOf(number).attempt <= MOST_ATTEMPTS + 1 ? number : null;
}
