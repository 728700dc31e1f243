import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { EVERY_DONE_SUBJECT, messageIdOfDone } from '../../../broker/message-subjects.js';
import type { CompletionNotice } from '../answers.port.js';
import { decodeNotice } from './answer-codec.js';
import type { InProcessAnswers } from './in-process-answers.js';
import { NoticeMemory } from './notice-memory.js';

/** A projection that is further behind than this is not caught by the memory, but by being told `onUncertain`. */
const ENOUGH_REACH_MS = 10_000;

export interface NoticeOptions {
  readonly signal: AbortSignal;
  readonly onUncertain: () => void;
  /** Nobody can have told of its end yet; false when absent. */
  readonly isNew?: boolean;
  /** Notices of ends up to this sequence are of no use; 0 when absent. */
  readonly after?: number;
}

interface Waiter {
  readonly after: number;
  readonly notify: (notice: CompletionNotice | null) => void;
  readonly onUncertain: () => void;
}

/**
 * Who waits for which message. One subscription to all notices serves every waiter of the process: it stands before
 * most of them come, costs the server nothing as they come and go, and feeds the memory of who was completed lately.
 *
 * Until the first waiter comes there is no subscription, so a process that never waits hears nothing. From then on, and
 * again after each lost connection, the memory has to grow: a waiter that comes before is told to look once more as
 * soon as the subscription is known to stand.
 */
export class CompletionNotices {
  private readonly waiters = new Map<string, Set<Waiter>>();
  private readonly memory = new NoticeMemory(performance.now());
  private subscription: Subscription | null = null;

  constructor(
    private readonly nats: NatsConnection,
    inProcess: InProcessAnswers,
  ) {
    inProcess.onCompletion((notice) => this.tell(notice));
  }

  wait(
    messageId: string,
    { signal, onUncertain, isNew = false, after = 0 }: NoticeOptions,
  ): Promise<CompletionNotice | null> {
    this.listen();
    const sequence = this.memory.find(messageId);
    if (sequence !== null && sequence > after) return Promise.resolve({ messageId, sequence });
    if (signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const onAbort = () => waiter.notify(null);
      const waiter: Waiter = {
        after,
        onUncertain,
        notify: (notice) => {
          signal.removeEventListener('abort', onAbort);
          this.remove(messageId, waiter);
          resolve(notice);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.add(messageId, waiter);
      // Of a new message everything is heard: it is published behind the subscription.
      const missed = !isNew && this.memory.reachMs(performance.now()) < ENOUGH_REACH_MS;
      if (missed) void this.lookOnceMore(messageId, waiter);
    });
  }

  /** The connection was away: notices may have been missed by those who wait, and by the memory. */
  connectionWasAway(): void {
    this.memory.restart(performance.now());
    for (const waiters of [...this.waiters.values()])
      for (const { onUncertain } of [...waiters]) onUncertain();
  }

  /** Nobody is told any more; those who wait go on until their signals abort. */
  close(): void {
    this.subscription?.unsubscribe();
    this.subscription = null;
  }

  private listen(): void {
    if (this.subscription !== null) return;
    this.memory.restart(performance.now());
    this.subscription = this.nats.subscribe(EVERY_DONE_SUBJECT, {
      callback: (error, message) => {
        if (error === null) this.hear(message);
      },
    });
  }

  private hear({ subject, data }: Msg): void {
    const notice = decodeNotice(messageIdOfDone(subject), data);
    if (notice !== null) this.tell(notice);
  }

  private tell(notice: CompletionNotice): void {
    if (this.subscription === null) return; // Nobody has waited yet.
    this.memory.add(notice.messageId, notice.sequence, performance.now());
    for (const waiter of [...(this.waiters.get(notice.messageId) ?? [])]) {
      if (notice.sequence > waiter.after) waiter.notify(notice);
    }
  }

  /** The server answers a flush after it has taken the subscription sent before it. */
  private async lookOnceMore(messageId: string, waiter: Waiter): Promise<void> {
    try {
      await this.nats.flush();
    } catch {
      return; // Away again: its return tells every waiter.
    }
    if (this.waiters.get(messageId)?.has(waiter)) waiter.onUncertain();
  }

  private add(messageId: string, waiter: Waiter): void {
    const waiters = this.waiters.get(messageId) ?? new Set();
    this.waiters.set(messageId, waiters.add(waiter));
  }

  private remove(messageId: string, waiter: Waiter): void {
    const waiters = this.waiters.get(messageId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.waiters.delete(messageId);
  }
}
