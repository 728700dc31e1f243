import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import type { ConnectionWatch } from '../../broker/connection-watch.js';
import { LeaderNews } from '../../broker/leader-news.js';
import { EVENTS_STREAM } from '../../broker/streams.js';
import { writeNow } from '../../broker/turn-writes.js';
import type { Publish } from './wire.js';
import { type WriteAnswer, writeAnswer } from './write-answer.js';

/**
 * One long-lived subscription for the answers to all writes of a process; what follows its prefix names the write.
 * The client's own request mux does the same with a timer, a header object and a promise more for each.
 */
export class AnswerInbox {
  private readonly prefix: string;
  private readonly subscription: Subscription;
  private readonly waiting = new Map<string, (answer: WriteAnswer) => void>();
  private readonly endings: readonly (() => void)[];
  private next = 0;

  constructor(
    private readonly connection: NatsConnection,
    state: ConnectionWatch,
  ) {
    this.prefix = `${createInbox()}.`;
    this.subscription = connection.subscribe(`${this.prefix}*`, {
      callback: (error, message) => {
        if (error === null) this.receive(message);
      },
    });
    // Answers that were on their way are lost with the connection: whoever waits learns it now, not at its time-out.
    // So are those of a leader that is no more; a write that the new one was asked already is only asked again.
    this.endings = [
      state.onDown(() => this.abandon('the connection to NATS was lost')),
      LeaderNews.of(connection).ofStream(EVENTS_STREAM, () =>
        this.abandon('the stream has a new leader, and the old one did not answer'),
      ),
    ];
  }

  /** Publishes and waits for the answer; never rejects. `silence` after the time-out, or when the connection is lost. */
  ask(publish: Publish, timeoutMs: number): Promise<WriteAnswer> {
    const token = (this.next++).toString(36);
    return new Promise((resolve) => {
      const reason = `no answer within ${timeoutMs} ms`;
      const timer = setTimeout(() => settle({ kind: 'silence', reason }), timeoutMs);
      const settle = (answer: WriteAnswer) => {
        clearTimeout(timer);
        this.waiting.delete(token);
        resolve(answer);
      };
      this.waiting.set(token, settle);
      try {
        publish(this.prefix + token);
        writeNow(this.connection);
      } catch (error) {
        // The message that asks for the answer is the last one: what was handed over before it is never committed.
        settle({ kind: 'refused', code: 0, meaning: 'again', reason: (error as Error).message });
      }
    });
  }

  close(): void {
    for (const end of this.endings) end();
    this.subscription.unsubscribe();
    this.abandon('the event log was closed');
  }

  private receive(message: Msg): void {
    this.waiting.get(message.subject.slice(this.prefix.length))?.(writeAnswer(message));
  }

  private abandon(reason: string): void {
    for (const settle of [...this.waiting.values()]) settle({ kind: 'silence', reason });
  }
}
