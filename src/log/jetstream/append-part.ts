import { LogUnavailableError } from '../event-log.errors.js';
import type { Appended } from '../event-log.port.js';
import { positionOf } from '../log-position.js';
import type { WireMessage } from './wire.js';

/** One call of `append` on its way: its messages stay together and in order, whatever batch carries them. */
export class AppendPart {
  readonly result: Promise<Appended>;
  /** True from the moment in which the broker may have stored it. Back to false only on proof that it did not. */
  inDoubt = false;
  private state: 'waiting' | 'settled' = 'waiting';
  private settleWith!: { resolve: (appended: Appended) => void; reject: (error: Error) => void };
  private lastReason = 'the connection to NATS is away';

  constructor(
    readonly messages: readonly WireMessage[],
    /** Events in the first of them. */
    private readonly eventsInFirst: number,
    readonly keyed: boolean,
    /** In memory and on the wire, roughly. */
    readonly bytes: number,
    private readonly timeoutMs: number,
    /** As `performance.now()`. */
    readonly arrivedAt: number,
  ) {
    this.result = new Promise((resolve, reject) => {
      this.settleWith = { resolve, reject };
    });
  }

  get waiting(): boolean {
    return this.state === 'waiting';
  }

  /** `streamSequence` is the broker's, of its first message. */
  stored(streamSequence: number): void {
    this.settle({ firstSequence: positionOf(streamSequence, this.eventsInFirst - 1), duplicate: false });
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
    this.refused(new LogUnavailableError(this.inDoubt ? 'unknown' : 'not_stored', this.timeoutMs, reason));
  }

  /** Tells the caller, when its time is over. `now` as `performance.now()`. */
  expire(now: number): void {
    if (now >= this.arrivedAt + this.timeoutMs) this.unavailable();
  }
}
