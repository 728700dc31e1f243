const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The example of the Standard Webhooks specification: when each further try is due, counted from the first, in milliseconds. */
export const DEFAULT_RETRY_TIMES_MS: readonly number[] = [
  ...[5 * SECOND, 5 * MINUTE, 30 * MINUTE],
  ...[2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR],
];

/** So that a receiver that comes back is not met by all that waits for it at the same moment. */
const JITTER = 0.1;
/** A receiver that asks for more may be away for good; the schedule goes on without its word. */
const LONGEST_WISH_MS = 6 * HOUR;

/**
 * How long to wait after a try that was not taken, in milliseconds; null when it was the last.
 *
 * It is counted from now and not from the first try: a service that was down for a day does not spend all tries at once.
 *
 * @param tries made so far, at least 1
 * @param wishMs what the receiver asked to wait (`Retry-After`)
 * @param random uniform in [0, 1)
 */
export function nextTryInMs(
  timesMs: readonly number[],
  tries: number,
  wishMs: number | null,
  random: number,
): number | null {
  const time = timesMs[tries - 1];
  if (time === undefined) return null;
  const wait = time - (timesMs[tries - 2] ?? 0);
  const jittered = wait * (1 - JITTER + 2 * JITTER * random);
  return Math.round(Math.max(jittered, Math.min(wishMs ?? 0, LONGEST_WISH_MS)));
}
