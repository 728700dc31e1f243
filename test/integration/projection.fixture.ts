import { v7 as uuidv7 } from 'uuid';
import {
  type ConversationEvent,
  type ConversationEventData,
  type ConversationEventType,
  conversationEvent,
} from '../../src/domain/conversation/conversation.events.js';
import type { LogEvent } from '../../src/domain/log-event.events.js';
import {
  type Accounting,
  type EventContext,
  type MessageEvent,
  messageEvent,
} from '../../src/domain/message/message.events.js';
import type { EventKind, EventLog, ReadOptions, StoredEvent } from '../../src/log/event-log.port.js';
import { RecordList } from '../../src/log/record-ranges.policy.js';

/**
 * A log for tests of what reads one: an array. It behaves like the port says where a projector can tell the
 * difference: reads go on live, in batches no larger than asked for, until the signal aborts.
 */
export class ArrayLog implements EventLog {
  readonly stored: StoredEvent[] = [];
  private readonly erased = new Set<number>();
  /** Thrown by reads that reach this sequence. */
  poison: { readonly sequence: number; readonly error: Error } | null = null;
  private waiting = new Set<() => void>();

  async append(events: readonly LogEvent[]) {
    const firstSequence = this.stored.length + 1;
    for (const event of events) this.stored.push({ sequence: this.stored.length + 1, event });
    for (const wake of [...this.waiting]) wake();
    return { firstSequence, duplicate: false };
  }

  async get(sequence: number) {
    return this.erased.has(sequence) ? null : (this.stored[sequence - 1] ?? null);
  }

  async erase(sequences: readonly number[]) {
    for (const sequence of sequences) this.erased.add(sequence);
  }

  async lastSequence(only?: EventKind) {
    return 1 + this.stored.findLastIndex(({ event }) => isOf(event, only));
  }

  async hindrance() {
    return null;
  }

  /** Its events are numbered as records are not: it has no gaps to tell of. */
  async extent() {
    return { lastSequence: this.stored.length, missing: 0 };
  }

  async missingRecords() {
    return new RecordList();
  }

  async *read(fromSequence: number, { signal, maxBatch, only }: ReadOptions) {
    for (let at = fromSequence - 1; !signal.aborted; ) {
      const end = Math.min(at + maxBatch, this.poison === null ? Infinity : this.poison.sequence - 1);
      const slice = this.stored.slice(at, end);
      if (slice.length > 0) {
        at += slice.length;
        const batch = slice.filter(({ sequence, event }) => !this.erased.has(sequence) && isOf(event, only));
        if (batch.length > 0) yield batch;
        await new Promise((resolve) => setImmediate(resolve));
      } else if (this.poison !== null && at >= this.poison.sequence - 1) {
        throw this.poison.error;
      } else {
        await this.more(signal);
      }
    }
  }

  private more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

function isOf({ type }: LogEvent, only: EventKind | undefined): boolean {
  return only === undefined || type.startsWith(`llmq.${only}.`);
}

const START = Date.parse('2026-03-01T08:00:00.000Z');
let ticks = 0;

export interface LifeOptions {
  readonly id?: string;
  readonly tenant?: string;
  readonly userId?: string;
  readonly conversationId?: string | null;
  readonly replayOf?: string;
  readonly content?: string;
  readonly answer?: string;
  readonly model?: string;
  readonly keyName?: string;
  readonly accounting?: Accounting;
  readonly metadata?: Record<string, unknown>;
  readonly lane?: EventContext['lane'];
}

/** Of every message that is received here. */
export const ANALYSIS = { tokens: 3, words: 3, language: 'en', question: true, sentiment: 0, score: 0.1 };

function context(id: string, { tenant = 'default', lane = 'normal' }: LifeOptions): EventContext {
  ticks += 1;
  return { messageId: id, tenant, lane, now: new Date(START + ticks).toISOString(), newId: uuidv7 };
}

export function received(id: string, options: LifeOptions = {}): MessageEvent[] {
  const at = context(id, options);
  const request = { content: options.content ?? `question of ${id}`, model: null, parameters: { n: 1 } };
  const common = { timeout_ms: 1_000, max_retries: 3 };
  return [
    messageEvent(at, 'llmq.message.received.v1', {
      ...common,
      request,
      stream: false,
      user_id: options.userId ?? 'user-1',
      conversation_id: options.conversationId ?? null,
      requested_priority: null,
      metadata: options.metadata ?? {},
      deadline: null,
      source: 'rest',
      ...(options.replayOf === undefined ? {} : { replay_of: options.replayOf }),
      ...(options.keyName === undefined ? {} : { key_name: options.keyName }),
    }),
    messageEvent(at, 'llmq.message.prioritized.v1', {
      ...common,
      priority: at.lane,
      reason: 'default',
      attempt: 1,
      received_sequence: null,
      received_at: at.now,
      analysis: ANALYSIS,
    }),
  ];
}

export function dispatched(id: string, attempt = 1, delivery = 1, options: LifeOptions = {}): MessageEvent {
  return messageEvent(context(id, options), 'llmq.message.dispatched.v1', {
    attempt,
    delivery,
    worker: 'worker-1',
    endpoint: 'demo',
    model: 'demo-small',
    waited_ms: 1.5,
    endpoint_reason: 'least_busy',
  });
}

export function completed(id: string, attempt = 1, delivery = 1, options: LifeOptions = {}): MessageEvent {
  return messageEvent(context(id, options), 'llmq.message.completed.v1', {
    attempt,
    delivery,
    answer: { role: 'assistant', content: options.answer ?? `answer to ${id}` },
    finish_reason: 'stop',
    endpoint: 'demo',
    model: options.model ?? 'demo-small',
    usage: { prompt_tokens: 3, completion_tokens: 5 },
    ...(options.accounting === undefined ? {} : { accounting: options.accounting }),
    queue_ms: 1,
    first_token_ms: 2,
    total_ms: 3,
  });
}

export function attemptFailed(
  id: string,
  attempt = 1,
  delivery = 1,
  options: LifeOptions = {},
): MessageEvent[] {
  const at = context(id, options);
  const dueAt = new Date(Date.parse(at.now) + 1_000).toISOString();
  return [
    messageEvent(at, 'llmq.message.attempt-failed.v1', {
      attempt,
      delivery,
      endpoint: 'demo',
      error: { code: 'endpoint_error', message: 'it said 500', retryable: true, status: 500 },
      chunks_delivered: 2,
      next_retry_at: dueAt,
    }),
    messageEvent(at, 'llmq.message.scheduled.v1', { due_at: dueAt, reason: 'retry', attempt: attempt + 1 }),
  ];
}

export function prioritized(id: string, attempt: number, options: LifeOptions = {}): MessageEvent {
  const at = context(id, options);
  return messageEvent(at, 'llmq.message.prioritized.v1', {
    priority: at.lane,
    reason: 'retry',
    attempt,
    received_sequence: 1,
    timeout_ms: 1_000,
    max_retries: 3,
    received_at: at.now,
  });
}

export function deadLettered(id: string, attempt = 1, options: LifeOptions = {}): MessageEvent {
  return messageEvent(context(id, options), 'llmq.message.dead-lettered.v1', {
    reason: 'retries_exhausted',
    attempt,
    error: { code: 'endpoint_error', message: 'it said 500', retryable: true, status: 500 },
  });
}

export function requeued(id: string, options: LifeOptions = {}): MessageEvent {
  return messageEvent(context(id, options), 'llmq.message.requeued.v1', { by: 'admin', reason: 'fixed' });
}

export function cancelled(id: string, options: LifeOptions = {}): MessageEvent {
  return messageEvent(context(id, options), 'llmq.message.cancelled.v1', {
    by: 'user',
    reason: 'changed mind',
  });
}

/** A whole life without incidents. */
export function life(id: string, options: LifeOptions = {}): MessageEvent[] {
  return [...received(id, options), dispatched(id, 1, 1, options), completed(id, 1, 1, options)];
}

export function ofConversation<T extends ConversationEventType>(
  id: string,
  type: T,
  data: ConversationEventData[T],
): ConversationEvent {
  const { now, newId, tenant } = context(id, {});
  return conversationEvent({ subject: id, tenant, now, newId }, type, data) as ConversationEvent;
}

export function conversationCreated(id: string, title: string | null = `about ${id}`): ConversationEvent {
  return ofConversation(id, 'llmq.conversation.created.v1', {
    ...{ user_id: 'user-1', title, context: 'Be \u0000 short.', priority: 'high', model: null },
    ...{ double_texting: 'enqueue', metadata: { team: 'blue' } },
  });
}

/** The same log with conversations that its messages belong to, of which one is erased in the midst of its messages. */
export function withConversations(messages: readonly MessageEvent[]): LogEvent[] {
  const ids = Array.from({ length: 5 }, () => uuidv7());
  const log: LogEvent[] = ids.map((id) => conversationCreated(id));
  const erased = new Set<string>();
  const half = Math.floor(messages.length / 2);
  for (const [index, event] of messages.entries()) {
    const named = event.type === 'llmq.message.received.v1' && event.data.conversation_id !== null;
    const number = named ? Number(event.data.conversation_id!.split('-')[1]) : -1;
    log.push(named ? { ...event, data: { ...event.data, conversation_id: ids[number]! } } : event);
    if (number === 0 && index < half) erased.add(event.subject);
    if (index % 9 === 0) {
      const changes = { title: `title ${index}`, metadata: { index } };
      log.push(ofConversation(ids[1 + (index % 4)]!, 'llmq.conversation.updated.v1', { changes, by: 'key' }));
    }
    if (index % 13 === 0) {
      // Among them some that reach less far than one before.
      const summary = { up_to_sequence: 1 + ((7 * index) % 50), summary: `to ${index}`, model: 'small' };
      const used = index % 2 === 0 ? {} : { endpoint: 'gpu', accounting: accounting(index) };
      log.push(ofConversation(ids[index % 5]!, 'llmq.conversation.summarized.v1', { ...summary, ...used }));
    }
    if (index === half) {
      const data = { by: 'key', reason: 'asked', messages: erased.size, message_ids: [...erased] };
      log.push(ofConversation(ids[0]!, 'llmq.conversation.erased.v1', data));
      log.push(
        ofConversation(ids[2]!, 'llmq.conversation.state-changed.v1', {
          ...{ from: 'active', to: 'archived', by: 'service', reason: 'expired' },
        }),
      );
    }
  }
  return log;
}

function accounting(index: number): Accounting {
  return {
    ...{ model: `model-${index % 2}`, estimated: index % 7 === 0, price: null },
    ...{ input_tokens: 3 + (index % 11), output_tokens: 5, cached_tokens: index % 2 === 0 ? 2 : null },
    ...{ reasoning_tokens: null, cost_nanos: index % 4 === 0 ? null : 1_001 * index },
  };
}

/**
 * Many messages whose events are shuffled into one another, with retries, calls whose worker died, late answers,
 * repeated receipts, dead letters and requeues among them. The same for the same seed, but for ids and times.
 */
export function tangledLog(messages: number, seed: number): MessageEvent[] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const lives = Array.from({ length: messages }, (_, index) => tangledLife(uuidv7(), index, random));
  const log: MessageEvent[] = [];
  for (let open = lives; open.length > 0; open = open.filter((events) => events.length > 0)) {
    const events = open[Math.floor(random() * Math.min(open.length, 20))]!;
    log.push(...events.splice(0, 1 + Math.floor(random() * 2)));
  }
  return log;
}

function tangledLife(id: string, index: number, random: () => number): MessageEvent[] {
  const options: LifeOptions = {
    userId: `user-${index % 7}`,
    conversationId: index % 3 === 0 ? `conversation-${index % 5}` : null,
    lane: (['realtime', 'high', 'normal', 'low'] as const)[index % 4]!,
    ...(index % 8 === 7 ? { replayOf: uuidv7() } : {}),
    ...(index % 5 === 0 ? {} : { keyName: `key-${index % 3}`, accounting: accounting(index) }),
  };
  const events = [...received(id, options)];
  if (random() < 0.1) events.push(...received(id, { ...options, content: 'sent twice' }));
  if (random() < 0.2) events.push(dispatched(id, 1, 1, options));
  if (random() < 0.3)
    events.push(
      dispatched(id, 1, 2, options),
      ...attemptFailed(id, 1, 2, options),
      prioritized(id, 2, options),
    );
  const fate = random();
  if (fate < 0.1) return events;
  if (fate < 0.2) return [...events, cancelled(id, options), completed(id, 1, 1, options)];
  if (fate < 0.35) {
    events.push(...attemptFailed(id, 3, 1, options).slice(0, 1), deadLettered(id, 3, options));
    if (random() < 0.5) return events;
    events.push(requeued(id, options), prioritized(id, 1, options));
  }
  events.push(dispatched(id, 1, 3, options), completed(id, 1, 3, options));
  if (random() < 0.2) events.push(completed(id, 1, 2, { ...options, answer: 'too late' }));
  if (random() < 0.1)
    events.push(
      requeued(id, options),
      dispatched(id, 2, 1, options),
      completed(id, 2, 1, { ...options, answer: 'again' }),
    );
  return events;
}
