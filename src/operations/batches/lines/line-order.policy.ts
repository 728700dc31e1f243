/** What decides where a line is best submitted. */
export interface Grouped {
  readonly model: string | null;
  /** What its request begins with. */
  readonly beginning: string;
}

/** As much of a beginning as is worth comparing: where two differ behind it, they share enough for a cache. */
export const MOST_BEGINNING_CHARACTERS = 2_048;

/**
 * The lines of a window in the order in which they are best asked for: those of one model together, and among them those
 * that begin alike, so that what an endpoint has computed of a common beginning is there when the next one comes. Lines
 * that are alike keep their order.
 */
export function inBestOrder<T extends Grouped>(lines: readonly T[]): T[] {
  return [...lines].sort(
    (one, other) => compare(one.model ?? '', other.model ?? '') || compare(one.beginning, other.beginning),
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
