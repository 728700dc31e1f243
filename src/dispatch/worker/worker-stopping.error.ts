/** The worker's time is over; what it still held goes to another. Not a failure of the message. */
export class WorkerStoppingError extends Error {
  readonly code = 'worker_stopping';
  constructor() {
    super('The worker is stopping.');
  }
}
