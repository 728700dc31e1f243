import { setMaxListeners } from 'node:events';
import { Injectable } from '@nestjs/common';

/** The worker's time is over; what it still held goes to another. Not a failure of the message. */
export class WorkerStoppingError extends Error {
  readonly code = 'worker_stopping';
  constructor() {
    super('The worker is stopping.');
  }
}

/** The end of the worker's time, for everything that waits on its behalf. */
@Injectable()
export class WorkerStop {
  private readonly controller = new AbortController();

  constructor() {
    // Every message that waits for the log or the projection listens to it: hundreds are no leak.
    setMaxListeners(0, this.signal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  now(): void {
    this.controller.abort(new WorkerStoppingError());
  }
}
