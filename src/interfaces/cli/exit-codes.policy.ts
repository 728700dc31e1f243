/** What a command ends with, for scripts; docs/command-line.md tells the same. `doctor` has its own meaning of 0, 1 and 2. */
export const EXIT = {
  done: 0,
  /** The arguments are wrong, the service refused, or what was looked at is not as it should be. */
  failed: 1,
  /** Nobody answered at the address of the service. */
  notReached: 2,
  notFound: 3,
  /** The message or the batch has ended without what was asked for: failed, cancelled or expired. */
  noAnswer: 4,
  /** The key is missing, wrong, or may not do this. */
  notAllowed: 5,
  /** The service has no room now; the same a little later may be accepted. */
  busy: 6,
  /** `--timeout` is over. What was waited for goes on. */
  timedOut: 7,
  interrupted: 130,
} as const;

/** Of an answer that is no success. */
export function exitCodeOfStatus(status: number): number {
  switch (status) {
    case 401:
    case 403:
      return EXIT.notAllowed;
    case 404:
      return EXIT.notFound;
    case 429:
    case 503:
    case 507:
      return EXIT.busy;
    default:
      return EXIT.failed;
  }
}

/** Of a message or a batch by its status, once nobody waits for it any more. */
export function exitCodeOfEnd(status: string): number {
  return status === 'completed' ? EXIT.done : EXIT.noAnswer;
}
