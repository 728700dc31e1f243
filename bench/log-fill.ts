import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { connectNats } from '../src/broker/connect-nats.js';
import { ensureStreams } from '../src/broker/ensure-streams.js';
import { type MessageEvent, messageEvent } from '../src/domain/message/message.events.js';
import { JetStreamEventLog } from '../src/log/jetstream/jetstream-event-log.js';
import type { TestNats } from '../test/support/test-nats.js';

/** Messages that are received and not answered yet, at any time. */
const OPEN = 1_000;
const APPENDS_UNDER_WAY = 2_000;
export const EVENTS_PER_MESSAGE = 4;

export interface BenchLog {
  readonly log: JetStreamEventLog;
  close(): Promise<void>;
}

export async function openBenchLog(nats: TestNats): Promise<BenchLog> {
  const logger = pino({ level: 'silent' });
  const connection = await connectNats({ nats }, logger);
  await ensureStreams(connection, 1);
  const limits = { appendTimeoutMs: 60_000, appendBufferBytes: 64 * 1024 * 1024 };
  const log = new JetStreamEventLog(connection, logger, limits);
  return {
    log,
    close: async () => {
      await log.close();
      await connection.close();
    },
  };
}

/**
 * Four events for each message, 500 bytes of question and of answer; each message is answered `OPEN` messages after it
 * was received, as in a busy service.
 */
export async function fillLog(log: JetStreamEventLog, messages: number): Promise<void> {
  const open = new Map<number, MessageEvent[]>();
  let appending: Promise<unknown>[] = [];
  for (let index = 0; index < messages + OPEN; index += 1) {
    if (index < messages) {
      const events = life(index);
      open.set(index, events.slice(2));
      appending.push(log.append(events.slice(0, 2)));
    }
    const ending = open.get(index - OPEN);
    if (ending !== undefined) appending.push(log.append(ending));
    open.delete(index - OPEN);
    if (appending.length < APPENDS_UNDER_WAY) continue;
    await Promise.all(appending);
    appending = [];
  }
  await Promise.all(appending);
}

function life(index: number): MessageEvent[] {
  const now = new Date(Date.UTC(2026, 0, 1) + index).toISOString();
  const context = { messageId: uuidv7(), tenant: 'default', lane: 'normal' as const, now, newId: uuidv7 };
  const request = { content: 'x'.repeat(500), model: 'demo', parameters: {} };
  const limits = { timeout_ms: 300_000, max_retries: 3 };
  const call = { attempt: 1, delivery: 1, endpoint: 'demo', model: 'demo' };
  return [
    messageEvent(context, 'llmq.message.received.v1', {
      ...{ ...limits, request, stream: false, requested_priority: 'normal', metadata: {}, deadline: null },
      user_id: `user-${index % 1_000}`,
      conversation_id: index % 3 === 0 ? `conversation-${index % 5_000}` : null,
      source: 'rest',
    }),
    messageEvent(context, 'llmq.message.prioritized.v1', {
      ...{ ...limits, priority: 'normal', reason: 'explicit', attempt: 1, received_sequence: null },
      ...{ received_at: now, model: 'demo' },
    }),
    messageEvent(context, 'llmq.message.dispatched.v1', {
      ...{ ...call, worker: 'worker-1', waited_ms: 12.5, endpoint_reason: 'least_busy' },
    }),
    messageEvent(context, 'llmq.message.completed.v1', {
      ...{ ...call, answer: { role: 'assistant', content: 'y'.repeat(500) }, finish_reason: 'stop' },
      usage: { prompt_tokens: 100, completion_tokens: 100 },
      ...{ queue_ms: 12.5, first_token_ms: 30, total_ms: 120 },
    }),
  ];
}
