import { isMessageEvent } from '../../src/domain/log-event.events.js';
import type { MessageEvent } from '../../src/domain/message/message.events.js';
import { evolve, type MessageState } from '../../src/domain/message/message.state.js';
import type { EventLog, StoredEvent } from '../../src/log/event-log.port.js';
import type { MessageReader } from '../../src/projection/read/message-reader.js';
import type { ProjectionPosition } from '../../src/projection/read/projection-position.js';

/**
 * The projection's ports over the real log, folded in this process with the service's own `evolve`: what a worker asks
 * of the projection, without a database.
 */
export class FoldedLog implements Pick<MessageReader, 'state'>, Pick<ProjectionPosition, 'waitFor'> {
  applied = 0;
  readonly events: StoredEvent[] = [];
  private readonly states = new Map<string, MessageState>();
  private readonly ending = new AbortController();
  private readonly done: Promise<void>;

  constructor(private readonly log: EventLog) {
    this.done = this.fold();
  }

  async state(id: string): Promise<MessageState | null> {
    return this.states.get(id) ?? null;
  }

  async waitFor(sequence: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (this.applied < sequence && Date.now() < deadline && signal?.aborted !== true) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.applied >= sequence;
  }

  eventsOf(messageId: string): MessageEvent[] {
    return this.events
      .map(({ event }) => event)
      .filter(isMessageEvent)
      .filter((event) => event.subject === messageId);
  }

  /** What happened to a message, in the words of its events' types. */
  historyOf(messageId: string): string[] {
    return this.eventsOf(messageId).map(({ type }) => type.replace(/^llmq\.message\.|\.v1$/g, ''));
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.done;
  }

  private async fold(): Promise<void> {
    for await (const batch of this.log.read(1, { signal: this.ending.signal, maxBatch: 500 })) {
      for (const { sequence, event } of batch) {
        if (!isMessageEvent(event)) continue;
        this.states.set(event.subject, evolve(this.states.get(event.subject) ?? null, event, sequence));
        this.events.push({ sequence, event });
        this.applied = sequence;
      }
    }
  }
}
