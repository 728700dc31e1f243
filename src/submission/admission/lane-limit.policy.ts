/** A limited lane as one process sees it. */
export interface LaneView {
  /** `queue.levels.<lane>.max_size`, at least 1. */
  readonly limit: number;
  /** Messages that no worker had taken when the broker was asked. */
  readonly waiting: number;
  /** Messages that had been delivered to workers then, ready or running. */
  readonly delivered: number;
  /** Messages that run, or run as soon as a worker has them, by what the workers last told. */
  readonly running: number;
  /** Messages that this process has put into the lane since the broker was asked, or is putting there now. */
  readonly since: number;
}

/**
 * How many more messages the lane has room for; none or fewer: it is full. Free slots count as room, since what they
 * take does not wait.
 *
 * This is a soft limit: what other processes put in since the broker was asked is not known. So with one process the
 * lane holds at most `limit` messages that wait, and with more of them what the others put in within the age of the
 * reading, about a second at most, may come on top.
 */
export function roomIn({ limit, waiting, delivered, running, since }: LaneView): number {
  return limit - (waiting + delivered - running + since);
}

/** While a lane does not drain, or its rate is not known yet. */
export const UNKNOWN_RETRY_AFTER_S = 10;
const LONGEST_RETRY_AFTER_S = 600;

/**
 * The `Retry-After` of a full lane, in whole seconds: the time in which the lane, draining as it did of late, gets as
 * far below its limit as the request needs.
 *
 * @param missing places that the request lacks, at least 1
 * @param drainRate messages per second that left the lane; null where unknown
 */
export function drainSeconds(missing: number, drainRate: number | null): number {
  if (drainRate === null || drainRate <= 0) return UNKNOWN_RETRY_AFTER_S;
  return Math.min(LONGEST_RETRY_AFTER_S, Math.max(1, Math.ceil(missing / drainRate)));
}
