import { v7 as uuidv7 } from 'uuid';
import type { AnswerPublisher } from '../../src/dispatch/answers/answers.port.js';
import {
  type AttemptError,
  type EventContext,
  type MessageCompleted,
  type MessageEvent,
  type MessageReceived,
  messageEvent,
} from '../../src/domain/message/message.events.js';
import type { EventLog } from '../../src/log/event-log.port.js';

/** Plays the worker's part by hand: the real log, the real chunks and notices, and each step when a test says so. */
export class HandWorker {
  constructor(
    private readonly log: EventLog,
    private readonly answers: AnswerPublisher,
  ) {}

  /** The message that was received last, as soon as the log has one behind `after`. */
  async received(after = 0): Promise<MessageReceived> {
    const reading = new AbortController();
    try {
      for await (const batch of this.log.read(after + 1, { signal: reading.signal, maxBatch: 100 })) {
        const found = batch.find(({ event }) => event.type === 'llmq.message.received.v1');
        if (found !== undefined) return found.event as MessageReceived;
      }
      throw new Error('The log ended.');
    } finally {
      reading.abort();
    }
  }

  /** The reception of one message. */
  async receivedAs(id: string): Promise<MessageReceived> {
    const reading = new AbortController();
    try {
      for await (const batch of this.log.read(1, { signal: reading.signal, maxBatch: 100 })) {
        const found = batch.find(({ event }) => event.subject === id);
        if (found !== undefined) return found.event as MessageReceived;
      }
      throw new Error('The log ended.');
    } finally {
      reading.abort();
    }
  }

  piece(
    id: string,
    seq: number,
    delta: Record<string, unknown>,
    attempt = 1,
    model?: string,
    delivery = 1,
  ): void {
    const run = { attempt, ...(delivery === 1 ? {} : { delivery }) };
    this.answers.chunk(id, { seq, ...run, delta, ...(model === undefined ? {} : { model }) });
  }

  async complete(
    message: MessageReceived,
    answer: { content: string | null } & Record<string, unknown>,
    more: Partial<MessageCompleted['data']> = {},
  ) {
    const { context } = this.take(message);
    const dispatched = messageEvent(context, 'llmq.message.dispatched.v1', {
      ...{ attempt: 1, delivery: 1, worker: 'hand', endpoint: 'test', model: 'test-model-1' },
      ...{ waited_ms: 1, endpoint_reason: 'only one' },
    });
    const completed = messageEvent(context, 'llmq.message.completed.v1', {
      ...{ attempt: 1, delivery: 1, endpoint: 'test', model: 'test-model-1', answer },
      ...{ finish_reason: 'stop', usage: { prompt_tokens: 3, completion_tokens: 5 } },
      ...{ queue_ms: 1, first_token_ms: 2, total_ms: 3, ...more },
    });
    await this.end(message.subject, [dispatched, completed]);
  }

  async deadLetter(message: MessageReceived, error: AttemptError): Promise<void> {
    const { context } = this.take(message);
    const reason = error.retryable ? 'retries_exhausted' : 'not_retryable';
    const event = messageEvent(context, 'llmq.message.dead-lettered.v1', { reason, attempt: 1, error });
    await this.end(message.subject, [event]);
  }

  /** The terminal event alone, as if the worker died before it could tell. */
  async completeInSilence(message: MessageReceived, content: string): Promise<number> {
    const { context } = this.take(message);
    const completed = messageEvent(context, 'llmq.message.completed.v1', {
      ...{ attempt: 1, delivery: 1, endpoint: 'test', model: 'test-model-1', answer: { content } },
      ...{ finish_reason: 'stop', usage: null, queue_ms: 1, first_token_ms: null, total_ms: 3 },
    });
    return (await this.log.append([completed])).firstSequence;
  }

  private take({ subject, tenant, lane }: MessageReceived): { context: EventContext } {
    const now = new Date().toISOString();
    return { context: { messageId: subject, tenant, lane, now, newId: uuidv7 } };
  }

  private async end(messageId: string, events: MessageEvent[]): Promise<void> {
    const { firstSequence } = await this.log.append(events);
    this.answers.completed({ messageId, sequence: firstSequence + events.length - 1 });
  }
}
