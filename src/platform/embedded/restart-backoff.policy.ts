const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** A server that ran this long was healthy: its end starts the count anew. */
const HEALTHY_AFTER_MS = 60_000;

/** How often in a row a server has ended or failed to start, counting the end just seen. */
export function consecutiveEnds(before: number, ranForMs: number): number {
  return ranForMs >= HEALTHY_AFTER_MS ? 1 : before + 1;
}

/** At once for a first crash, because everything waits for it; then doubling, so that a broken server does not eat the CPU. */
export function restartDelayMs(endsInARow: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (Math.max(1, endsInARow) - 1));
}
