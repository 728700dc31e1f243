import { eraseContent, keptEvents } from './erase-content.decision.js';
import {
  type EventContext,
  type MessageEvent,
  type MessageEventData,
  messageEvent,
} from './message.events.js';
import { project } from './message.projection.js';
import { endsAt, evolve } from './message.state.js';

const SECRET = 'the secret';
let ids = 0;
const context: EventContext = {
  ...{ messageId: '01900000-0000-7000-8000-000000000001', tenant: 't', lane: 'normal' },
  ...{ now: '2026-01-01T00:00:00.000Z', newId: () => `e${++ids}` },
};

const error = { code: 'bad', message: SECRET, retryable: true, status: 500 };
const received: MessageEventData['llmq.message.received.v1'] = {
  request: {
    ...{ content: SECRET, model: 'm', parameters: { stop: SECRET }, exact: { '/seed': '1' } },
    large: { sha256: 'x', parts: [] },
  },
  ...{ stream: false, user_id: 'ann', conversation_id: 'c', requested_priority: null },
  ...{ metadata: { team: 'blue' }, timeout_ms: 1, max_retries: 3, deadline: null, source: 'rest' },
};
const prioritized: MessageEventData['llmq.message.prioritized.v1'] = {
  ...{ priority: 'high', reason: 'explicit', attempt: 1, received_sequence: null, timeout_ms: 1 },
  ...{ max_retries: 3, received_at: context.now },
};
const dispatched = (attempt: number): MessageEventData['llmq.message.dispatched.v1'] => ({
  ...{ attempt, delivery: 1, worker: 'w', endpoint: 'e', model: 'm', waited_ms: 5, endpoint_reason: 'only' },
});
const completed: MessageEventData['llmq.message.completed.v1'] = {
  ...{ attempt: 2, delivery: 1, answer: { content: SECRET, tool_calls: [SECRET] }, finish_reason: 'stop' },
  ...{ endpoint: 'e', model: 'm', usage: { prompt_tokens: 3, completion_tokens: 4 }, extra: { x: SECRET } },
  ...{ queue_ms: 5, first_token_ms: null, total_ms: 9 },
};

const answered: MessageEvent[] = [
  messageEvent(context, 'llmq.message.received.v1', received),
  messageEvent(context, 'llmq.message.prioritized.v1', prioritized),
  messageEvent(context, 'llmq.message.dispatched.v1', dispatched(1)),
  messageEvent(context, 'llmq.message.attempt-failed.v1', {
    ...{ attempt: 1, delivery: 1, endpoint: 'e', error, chunks_delivered: 0, next_retry_at: null },
  }),
  messageEvent(context, 'llmq.message.prioritized.v1', { ...prioritized, reason: 'retry', attempt: 2 }),
  messageEvent(context, 'llmq.message.dispatched.v1', dispatched(2)),
  messageEvent(context, 'llmq.message.rerouted.v1', {
    ...{ attempt: 2, delivery: 1, from: { endpoint: 'e', model: 'm', error } },
    ...{ to: { endpoint: 'f', model: 'm' }, mode: 'again', delivered_characters: 0 },
  }),
  messageEvent(context, 'llmq.message.completed.v1', completed),
];
const dead: MessageEvent[] = [
  ...answered.slice(0, 3),
  messageEvent(context, 'llmq.message.deferred.v1', {
    ...{ attempt: 1, delivery: 1, endpoint: 'e', model: 'm', reason: 'unavailable', status: 503 },
    ...{ message: SECRET, remote: { status: 503, code: null, type: null, param: null, message: SECRET } },
    retry_after_ms: null,
  }),
  messageEvent(context, 'llmq.message.dead-lettered.v1', { reason: 'not_retryable', attempt: 1, error }),
];

const sequenced = (events: readonly MessageEvent[]) =>
  events.map((event, at) => ({ sequence: 10 + at, event }));
const by = { by: 'service', reason: 'retention.content' };

describe.each([
  ['answered', answered],
  ['dead', dead],
])('a message that was %s', (_, life) => {
  const erased = eraseContent(context, sequenced(life), by)!;

  it('keeps nothing of its content', () => {
    expect(JSON.stringify(life)).toContain(SECRET);
    expect(JSON.stringify(erased)).not.toContain(SECRET);
    expect(keptEvents(erased).map(({ event }) => event.type)).toEqual(life.map(({ type }) => type));
  });

  it('is what it was in all else, told once', () => {
    const before = project(new Map(), sequenced(life));
    const after = project(new Map(), [{ sequence: 99, event: erased }]);
    const [was] = before.messages.values();
    const [is] = after.messages.values();
    const message = 'erased';
    const untold = was!.error === null ? null : { ...error, code: was!.error.code, message };
    expect(is).toEqual({ ...was, error: untold, lastSequence: 99 });
    expect([...after.usage.values()]).toEqual([...before.usage.values()]);
    expect([...after.attempts.keys()]).toEqual([...before.attempts.keys()]);
    expect(after.requests[0]).toMatchObject({ sequence: 10, countedAt: 99 });
    expect(after.requests[0]!.event.data.request).toEqual({ model: 'm', parameters: {}, erased: true });
    expect(after.events.map(({ sequence }) => sequence)).toEqual([99]);
    expect(evolve(is!, erased, 100)).toBe(is);
  });
});

it('can be requeued no more', () => {
  const erased = eraseContent(context, sequenced(dead), by)!;
  const [letter] = project(new Map(), [{ sequence: 99, event: erased }]).deadLetters.values();
  expect(letter).toMatchObject({ state: 'discarded', sequence: 99 });
});

it('fits into one event, however long its life was', () => {
  const retries = Array.from({ length: 500 }, () => answered[3]!);
  const erased = eraseContent(context, sequenced([...answered.slice(0, 3), ...retries, answered[7]!]), by)!;
  const kept = keptEvents(erased).map(({ event }) => event.type);
  expect(kept).toHaveLength(100);
  expect([kept[0], kept[99]]).toEqual(['llmq.message.received.v1', 'llmq.message.completed.v1']);
});

it('is done once', () => {
  const erased = eraseContent(context, sequenced(dead), by)!;
  expect(eraseContent(context, [{ sequence: 99, event: erased }], by)).toBeNull();
  expect(eraseContent(context, sequenced(dead).slice(1), by)).toBeNull();
});

it('ends as it did, or is told not to', () => {
  const retries = Array.from({ length: 500 }, () => answered[3]!);
  const long = sequenced([...answered.slice(0, 3), ...retries, answered[7]!]);
  const end = long.at(-1)!.sequence;
  expect(endsAt(eraseContent(context, long, by)!, end)).toBe(true);
  expect(endsAt(eraseContent(context, long.slice(0, -1), by)!, end)).toBe(false);
  const requeued = messageEvent(context, 'llmq.message.requeued.v1', { by: 'ann', reason: 'again' } as never);
  const twice = sequenced([...dead, requeued, ...retries, answered[7]!]);
  const erased = eraseContent(context, twice, by)!;
  expect(keptEvents(erased).map(({ event }) => event.type)).toContain('llmq.message.requeued.v1');
});
