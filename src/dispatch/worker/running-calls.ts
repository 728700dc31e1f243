import { Inject, Injectable } from '@nestjs/common';
import { Cancellations } from '../cancellations/nats/cancellations.js';
import { WorkerStoppingError } from './worker-stop.js';

/** Endpoints end their calls at the time-out themselves; this long after it somebody else must. */
const GRACE_MS = 5_000;

/** Why a call was aborted from outside. */
export class CallOverdueError extends Error {
  readonly code = 'call_overdue';
  constructor(readonly timeoutMs: number) {
    super(`The call was not finished within ${timeoutMs} ms.`);
  }
}

/** The message was cancelled: neither an answer nor a failure of its call counts any more. */
export class CallCancelledError extends Error {
  readonly code = 'call_cancelled';
  constructor() {
    super('The message was cancelled.');
  }
}

export interface RunningCall {
  readonly signal: AbortSignal;
  end(): void;
}

interface Entry {
  readonly messageId: string;
  readonly controller: AbortController;
  readonly timeoutMs: number;
  readonly abortAtMs: number;
}

/** The calls under way, with one sweep for all their deadlines instead of a timer for each. */
@Injectable()
export class RunningCalls {
  private readonly entries = new Set<Entry>();
  private stopped = false;

  constructor(@Inject(Cancellations) cancellations: Pick<Cancellations, 'onAdded'>) {
    cancellations.onAdded((messageId) => this.abortCancelled(messageId));
  }

  get size(): number {
    return this.entries.size;
  }

  begin(messageId: string, timeoutMs: number): RunningCall {
    const controller = new AbortController();
    const entry = { messageId, controller, timeoutMs, abortAtMs: performance.now() + timeoutMs + GRACE_MS };
    this.entries.add(entry);
    // A message that was recorded or looked up while the worker stopped comes here after `abortAll`.
    if (this.stopped) controller.abort(new WorkerStoppingError());
    return { signal: controller.signal, end: () => void this.entries.delete(entry) };
  }

  /** To be called about once per second. */
  abortOverdue(): void {
    const now = performance.now();
    for (const { abortAtMs, controller, timeoutMs } of this.entries) {
      if (now > abortAtMs) controller.abort(new CallOverdueError(timeoutMs));
    }
  }

  /** Looks at all of them: cancels are few, and a call is begun for every message. */
  private abortCancelled(messageId: string): void {
    for (const entry of this.entries) {
      if (entry.messageId === messageId) entry.controller.abort(new CallCancelledError());
    }
  }

  /** Those under way, and whatever begins later. */
  abortAll(): void {
    this.stopped = true;
    for (const { controller } of this.entries) controller.abort(new WorkerStoppingError());
  }
}
