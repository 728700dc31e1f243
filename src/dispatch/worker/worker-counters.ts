/** What one worker has done since its start, for metrics and health. Only the worker writes it. */
export class WorkerCounters {
  completed = 0;
  failedAttempts = 0;
  retried = 0;
  deadLettered = 0;
  expired = 0;
  /** Deliveries of messages that were decided already. */
  alreadyKnown = 0;
  /** Turns that gave their place in the lane back, behind an earlier one. */
  held = 0;
  /** Given back to their lanes without an outcome. */
  handedBack = 0;
  /** Failures of the worker itself, none of the message. */
  mishaps = 0;
}
