import { LogUnavailableError } from '../event-log.errors.js';
import type { Appended } from '../event-log.port.js';
import { positionOf } from '../log-position.js';
import type { WireMessage } from './wire.js';

/** How long an append goes on: for a time, or until a signal aborts. */
export interface Patience {
  /** Infinite where a signal says when it ends. */
  readonly timeoutMs: number;
  readonly until?: AbortSignal | undefined;
  /** As `performance.now()`. */
  readonly arrivedAt: number;
}

/** One call of `append` on its way: its messages stay together and in order, whatever batch carries them. */
export class AppendPart {
  readonly result: Promise<Appended>;
  /** True from the moment in which the broker may have stored it. Back to false only on proof that it did not. */
  inDoubt = false;
  private state: 'waiting' | 'settled' = 'waiting';
  private settleWith!: { resolve: (appended: Appended) => void; reject: (error: Error) => void };
  private lastReason = 'the connection to NATS is away, or earlier appends have no answer';
  /** Where its first messages lie, when the broker kept no more of it. */
  private begunAt: number | null = null;
  private left: readonly WireMessage[];

  constructor(
    messages: readonly WireMessage[],
    /** Events in the first of them. */
    private readonly eventsInFirst: number,
    readonly keyed: boolean,
    /** In memory and on the wire, roughly. */
    readonly bytes: number,
    private readonly patience: Patience,
  ) {
    this.left = messages;
    this.result = new Promise((resolve, reject) => {
      this.settleWith = { resolve, reject };
    });
  }

  /** What is to be written of it. */
  get messages(): readonly WireMessage[] {
    return this.left;
  }

  get arrivedAt(): number {
    return this.patience.arrivedAt;
  }

  get waiting(): boolean {
    return this.state === 'waiting';
  }

  /** `streamSequence` is the broker's, of its first message. */
  stored(streamSequence: number): void {
    const first = this.begunAt ?? streamSequence;
    this.settle({ firstSequence: positionOf(first, this.eventsInFirst - 1), duplicate: false });
  }

  /** So many of its messages lie from this sequence of the broker's on; the others are still to be written. */
  begun(streamSequence: number, messages: number): void {
    this.begunAt ??= streamSequence;
    this.left = this.left.slice(messages);
  }

  /** Another append had its key; `firstSequence` is where that one lies in the log. */
  wasThere(firstSequence: number): void {
    this.settle({ firstSequence, duplicate: true });
  }

  private settle(appended: Appended): void {
    if (!this.waiting) return;
    this.state = 'settled';
    this.settleWith.resolve(appended);
  }

  refused(error: Error): void {
    if (!this.waiting) return;
    this.state = 'settled';
    this.settleWith.reject(error);
  }

  /** What the caller will read, should its time run out before the next try. */
  note(reason: string): void {
    this.lastReason = reason;
  }

  unavailable(reason = this.lastReason): void {
    // What was begun is in the log in part.
    const outcome = this.inDoubt || this.begunAt !== null ? 'unknown' : 'not_stored';
    const afterMs = Math.min(this.patience.timeoutMs, performance.now() - this.arrivedAt);
    this.refused(new LogUnavailableError(outcome, afterMs, reason));
  }

  /** Tells the caller, when its patience is over. `now` as `performance.now()`. */
  expire(now: number): void {
    const { timeoutMs, until } = this.patience;
    if (until?.aborted === true || now >= this.arrivedAt + timeoutMs) this.unavailable();
  }
}
