import type { Lane } from '../../domain/message/message.events.js';

/** The lane has as many messages waiting as `queue.levels.<lane>.max_size` allows; nothing was stored. */
export class LaneFullError extends Error {
  readonly code = 'queue_full';

  constructor(
    readonly lane: Lane,
    readonly maxSize: number,
    /** Whole seconds after which there is likely to be room. */
    readonly retryAfterSeconds: number,
  ) {
    super(
      `The lane ${lane} has ${maxSize} messages waiting, which is its limit. Nothing was stored; try again in ${retryAfterSeconds} s.`,
    );
  }
}
