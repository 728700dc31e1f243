/** A lane as one of several processes that put messages into it sees it. */
export interface LaneView {
  /** Of messages that wait, at least 1. */
  readonly limit: number;
  /** At the last reading; less than 0 where more could run at once than there is. */
  readonly waiting: number;
  /** Put there by this process since, or on their way. */
  readonly own: number;
  /** The same of the other processes, as far as they told. */
  readonly others: number;
  /** This one included. */
  readonly processes: number;
  /** Of its own, those of the interval that runs. */
  readonly taken: number;
}

export interface LaneRoom {
  /** Places that seem to be free; none or less: the lane is full. */
  readonly free: number;
  /** So many of them this process may take before the next interval. */
  readonly now: number;
}

/**
 * What the lane has room for. A process alone may take all that is free. Of several each takes a part of it in each
 * interval, since the others may be doing the same: what all of them take before they hear of each other is then no
 * more than what was free. When less is left than they are, each may still take one.
 *
 * While they hear of each other within one interval, a lane of limit L never holds more than L + 2 (N - 1) messages, with
 * N processes: each may then have taken one in this interval and one in the interval before, unheard.
 */
export function laneRoom(view: LaneView): LaneRoom {
  const free = view.limit - view.waiting - view.own - view.others;
  if (view.processes <= 1 || free <= 0) return { free, now: Math.max(0, free) };
  const share = Math.max(1, Math.floor((free + view.taken) / (2 * view.processes)));
  return { free, now: Math.max(0, Math.min(free, share - view.taken)) };
}

/** The most messages beyond its limit that a lane can come to hold. */
export function mostBeyondLimit(processes: number): number {
  return 2 * Math.max(0, processes - 1);
}
