import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { WebhookOutcome } from '../webhook/callback.events.js';
import { type EventContext, type MessageEvent, messageEvent } from './message.events.js';
import { project } from './message.projection.js';
import { mergeWebhook, type WebhookRow } from './webhook.projection.js';

const ID = '01900000-0000-7000-8000-000000000001';
const END = '01900000-0000-7000-8000-0000000000ee';
const CALLBACK = { url: 'https://shop.example.com/hook', named_by: 'message' } as const;

let ticks = 0;
function context(newId: () => string = () => END): EventContext {
  ticks += 1;
  const now = new Date(Date.UTC(2026, 0, 1) + ticks).toISOString();
  return { messageId: ID, tenant: 't', lane: 'normal', now, newId };
}

function received(callback: typeof CALLBACK | null = CALLBACK): MessageEvent {
  return messageEvent(context(), 'llmq.message.received.v1', {
    request: { content: 'q', model: null, parameters: {} },
    ...{ stream: false, user_id: 'u', conversation_id: null, requested_priority: null, metadata: {} },
    ...{ timeout_ms: 1, max_retries: 1, deadline: null, source: 'rest', key_name: 'shop' },
    ...(callback === null ? {} : { callback }),
  });
}

const cancelled = (id = END) =>
  messageEvent(
    context(() => id),
    'llmq.message.cancelled.v1',
    { by: 'u', reason: 'r' },
  );

const requeued = () => messageEvent(context(), 'llmq.message.requeued.v1', { by: 'u', reason: 'r' });

const webhook = (round: number) =>
  ({ id: END, type: 'message.cancelled', ended_at: '2026-01-01T00:00:00.000Z', round }) as const;

const tried = (tries: number, outcome: WebhookOutcome, round = 1) =>
  messageEvent(context(), 'llmq.message.webhook-tried.v1', {
    ...{ webhook: webhook(round), tries, outcome, duration_ms: 1 },
    ...{ reason: outcome === 'delivered' ? null : 'bad_status', status: 200 },
    next_try_at: outcome === 'retrying' ? '2026-01-01T01:00:00.000Z' : null,
  });

const wanted = (round: number) =>
  messageEvent(context(), 'llmq.message.webhook-wanted.v1', { webhook: webhook(round), by: 'ann' });

const sequenced = (events: readonly MessageEvent[]) =>
  events.map((event, at) => ({ event, sequence: at + 1 }));

function rowsOf(events: readonly MessageEvent[]): WebhookRow[] {
  return [...project(new Map(), sequenced(events)).webhooks.values()];
}

describe('a webhook', () => {
  it('begins with the first terminal event of a message that has a receiver', () => {
    const late = '01900000-0000-7000-8000-0000000000ff';
    expect(rowsOf([received(), cancelled(), cancelled(late)])).toMatchObject([
      { ...{ id: END, messageId: ID, tenant: 't', keyName: 'shop', callback: CALLBACK } },
    ]);
    expect(rowsOf([received(), cancelled()])).toMatchObject([
      { type: 'message.cancelled', status: 'waiting', round: 1, tries: 0, endedAt: null },
    ]);
    expect(rowsOf([received(null), cancelled()])).toEqual([]);
    expect(rowsOf([received()])).toEqual([]);
  });

  it('stays in the trace of the end that it tells', () => {
    const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'theirs=1' };
    const inside = (event: MessageEvent) => ({ ...event, ...trace });
    expect(rowsOf([received(), cancelled()])).toMatchObject([{ trace: null }]);
    expect(rowsOf([received(), inside(cancelled())])).toMatchObject([{ trace }]);
    const later = [tried(1, 'retrying'), wanted(2)].map(inside);
    expect(rowsOf([received(), inside(cancelled()), ...later])).toMatchObject([{ round: 2, trace }]);
    // An older process tells of no trace; however the log is cut into batches, the table has the first.
    const old = [tried(1, 'retrying'), wanted(2)];
    expect(rowsOf([received(), inside(cancelled()), ...old])).toMatchObject([{ round: 2, trace }]);
  });

  it('begins again with the end of a message that was requeued, as another one', () => {
    const other = '01900000-0000-7000-8000-0000000000ff';
    const rows = rowsOf([received(), cancelled(), requeued(), cancelled(other)]);
    expect(rows.map(({ id }) => id)).toEqual([END, other]);
  });

  it('changes nothing of its message', () => {
    const before = project(new Map(), sequenced([received(), cancelled(), requeued()]));
    const behind = [tried(1, 'delivered'), wanted(2)].map((event, at) => ({ event, sequence: at + 4 }));
    const after = project(before.messages, behind);
    expect(after.messages.size).toBe(0);
    expect(after.events).toHaveLength(2);
  });

  it('ends, and is not brought back by what a slower process tells of it', () => {
    const [row] = rowsOf([
      received(),
      cancelled(),
      tried(1, 'delivered'),
      tried(1, 'retrying'),
      tried(2, 'failed'),
    ]);
    expect(row).toMatchObject({ status: 'delivered', tries: 1, reason: null });
    expect(row?.endedAt).not.toBeNull();
  });

  it('begins a round of its own when it is wanted again', () => {
    const life = [received(), cancelled(), tried(1, 'failed'), wanted(2)];
    expect(rowsOf(life)).toMatchObject([{ status: 'waiting', round: 2, tries: 0, reason: null }]);
    expect(rowsOf([...life, tried(4, 'delivered', 1)])).toMatchObject([{ status: 'waiting', round: 2 }]);
    expect(rowsOf([...life, tried(1, 'delivered', 2)])).toMatchObject([{ status: 'delivered', round: 2 }]);
  });

  it('is the same however the log is cut into batches', () => {
    const round = fc.integer({ min: 1, max: 3 });
    const step = fc.oneof(
      fc
        .tuple(fc.nat(4), fc.constantFrom<WebhookOutcome>('delivered', 'retrying', 'failed'), round)
        .map((of) => tried(...of)),
      round.map(wanted),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.nat(20), (steps, cut) => {
        const log = sequenced([received(), cancelled(), ...steps]);
        const whole = new Map(project(new Map(), log).webhooks);
        const first = project(new Map(), log.slice(0, 2 + cut));
        const second = project(first.messages, log.slice(2 + cut));
        const parts = new Map(first.webhooks);
        for (const row of second.webhooks.values()) mergeWebhook(parts, row);
        expect(parts).toEqual(whole);
      }),
    );
  });
});
