/** While a lane does not drain, or nobody knows yet how fast. */
export const UNKNOWN_RETRY_AFTER_S = 10;
const LONGEST_RETRY_AFTER_S = 600;

/**
 * The `Retry-After` of a full lane, in whole seconds: the time in which the lane, draining as it did of late, gets as
 * far below its limit as the request needs.
 *
 * @param missing places that the request lacks, at least 1
 * @param drainRate messages per second that left the lane; null where unknown
 */
export function retryAfterSeconds(missing: number, drainRate: number | null): number {
  if (drainRate === null || drainRate <= 0) return UNKNOWN_RETRY_AFTER_S;
  return Math.min(LONGEST_RETRY_AFTER_S, Math.max(1, Math.ceil(missing / drainRate)));
}
