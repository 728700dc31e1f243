import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { cloudEvent } from '../../domain/cloud-event.events.js';
import type { ConversationEventOf } from '../../domain/conversation/conversation.events.js';
import type { LogEvent } from '../../domain/log-event.events.js';
import {
  type EventContext,
  type MessageEvent,
  type MessageEventData,
  messageEvent,
} from '../../domain/message/message.events.js';
import { type Finding, isBroken } from './findings.policy.js';
import { LogCheck } from './log-check.js';
import type { ExpectedMessage } from './row-check.policy.js';

const NOW = '2026-01-01T00:00:00.000Z';
const ERROR = { code: 'overloaded', message: 'Too much.', retryable: true, status: 503 };

function context(id: string, tenant = 'default'): EventContext {
  return { messageId: id, tenant, lane: 'normal', now: NOW, newId: randomUUID };
}

type Received = MessageEventData['llmq.message.received.v1'];

function received(id: string, more: Partial<Received> = {}): MessageEvent {
  return messageEvent(context(id), 'llmq.message.received.v1', {
    ...{ request: { content: 'x', model: null, parameters: {} }, stream: false, user_id: 'u' },
    ...{ conversation_id: null, requested_priority: null, metadata: {}, timeout_ms: 1, max_retries: 1 },
    ...{ deadline: null, source: 'rest' },
    ...more,
  });
}

function prioritized(id: string, attempt = 1): MessageEvent {
  return messageEvent(context(id), 'llmq.message.prioritized.v1', {
    ...{ priority: 'normal', reason: attempt === 1 ? 'default' : 'retry', attempt, received_sequence: null },
    ...{ timeout_ms: 1, max_retries: 1, received_at: NOW },
  });
}

function dispatched(id: string, attempt = 1, delivery = 1): MessageEvent {
  return messageEvent(context(id), 'llmq.message.dispatched.v1', {
    ...{ attempt, delivery, worker: 'w', endpoint: 'e', model: 'm', waited_ms: 0, endpoint_reason: 'r' },
  });
}

function completed(id: string, attempt = 1, delivery = 1, tenant = 'default'): MessageEvent {
  return messageEvent(context(id, tenant), 'llmq.message.completed.v1', {
    ...{ attempt, delivery, answer: { content: 'y' }, finish_reason: 'stop', endpoint: 'e', model: 'm' },
    ...{ usage: null, queue_ms: 0, first_token_ms: null, total_ms: 0 },
  });
}

function attemptFailed(id: string, attempt = 1, endpoint: string | null = 'e'): MessageEvent {
  return messageEvent(context(id), 'llmq.message.attempt-failed.v1', {
    ...{ attempt, delivery: 1, endpoint, error: ERROR, chunks_delivered: 0, next_retry_at: NOW },
  });
}

const scheduled = (id: string, attempt: number): MessageEvent =>
  messageEvent(context(id), 'llmq.message.scheduled.v1', { due_at: NOW, reason: 'retry', attempt });
const cancelled = (id: string): MessageEvent =>
  messageEvent(context(id), 'llmq.message.cancelled.v1', { by: 'u', reason: 'r' });
const requeued = (id: string): MessageEvent =>
  messageEvent(context(id), 'llmq.message.requeued.v1', { by: 'u', reason: 'r' });
const accepted = (id: string, more: Partial<Received> = {}) => [received(id, more), prioritized(id)];
const life = (id: string, more: Partial<Received> = {}) => [
  ...accepted(id, more),
  dispatched(id),
  completed(id),
];
const erased = (id: string): ConversationEventOf<'llmq.conversation.erased.v1'> =>
  cloudEvent({ subject: id, tenant: 'default', now: NOW, newId: () => 'e' }, 'llmq.conversation.erased.v1', {
    by: 'u',
    reason: 'r',
    messages: 1,
  });

const summarized = (id: string, upTo: number) =>
  cloudEvent(
    { subject: id, tenant: 'default', now: NOW, newId: () => 'e' },
    'llmq.conversation.summarized.v1',
    { up_to_sequence: upTo, summary: 's', model: 'm' },
  );

const erasureFinished = (id: string, upTo: number) =>
  cloudEvent(
    { subject: id, tenant: 'default', now: NOW, newId: () => 'e' },
    'llmq.conversation.erasure-finished.v1',
    { up_to_sequence: upTo, events: 1 },
  );

const erasureBegun = (id: string, ...sequences: [number, number][]) =>
  cloudEvent(
    { subject: id, tenant: 'default', now: NOW, newId: () => 'e' },
    'llmq.conversation.erasure-begun.v1',
    { sequences },
  );

/** Each event in a record of its own; null is a record that is gone. */
async function walk(log: readonly (LogEvent | null)[]) {
  const findings: Finding[] = [];
  const settled: ExpectedMessage[] = [];
  const check = new LogCheck({
    found: (finding) => findings.push(finding),
    settled: (message) => settled.push(message),
    recall: async () => [],
    wasErased: async (id) => id === 'erased',
  });
  for (const [index, event] of log.entries()) {
    if (event !== null) await check.event({ sequence: 2 * (index + 1) + 1, event });
  }
  check.end(2 * log.length + 1);
  return { findings, settled, rules: findings.map(({ rule }) => rule) };
}

const turn = { conversation_id: 'c' };

const storedTwice = (log: readonly LogEvent[], index: number): LogEvent[] => [
  ...log.slice(0, index + 1),
  ...log.slice(index),
];

describe('a sound log', () => {
  it.each<[string, readonly LogEvent[]]>([
    ['a life without incidents', life('a')],
    [
      'a retry',
      [
        ...[...accepted('a'), dispatched('a'), attemptFailed('a'), scheduled('a', 2), prioritized('a', 2)],
        ...[dispatched('a', 2), completed('a', 2)],
      ],
    ],
    ['a worker that died', [...accepted('a'), dispatched('a'), dispatched('a', 1, 2), completed('a', 1, 2)]],
    ['a failure before an endpoint was called', [...accepted('a'), attemptFailed('a', 1, null)]],
    ['a requeue', [...accepted('a'), cancelled('a'), requeued('a'), prioritized('a'), dispatched('a')]],
    ['what a worker still says of an erased message', [completed('erased')]],
    ['what is left of a message while it is erased', [...accepted('erased', turn), dispatched('erased', 2)]],
    [
      'a turn behind what is left of an erased one',
      [...accepted('erased', turn), ...accepted('b', turn), summarized('erased', 9)],
    ],
    ['turns one after the other', [...life('a', turn), ...life('b', turn)]],
    [
      'turns accepted together',
      [...accepted('a', turn), ...accepted('b', turn), ...life('a').slice(2), ...life('b').slice(2)],
    ],
    [
      'a turn that its client delayed',
      [
        ...[received('a', { ...turn, due_at: NOW }), ...accepted('b', turn)],
        ...[prioritized('a'), dispatched('a'), completed('a'), ...life('b').slice(2)],
      ],
    ],
    [
      'a requeued turn behind those that ran meanwhile',
      [
        ...[...accepted('a', turn), cancelled('a'), ...accepted('b', turn), requeued('a'), prioritized('a')],
        ...[dispatched('b'), completed('b'), dispatched('a')],
      ],
    ],
    [
      'the same conversation id of another tenant',
      [...accepted('a', turn), ...life('b', turn).map((event) => ({ ...event, tenant: 'blue' }))],
    ],
  ])('has nothing to report: %s', async (_, log) => {
    expect((await walk(log)).findings).toEqual([]);
  });

  it('hands over each message as it ended, and at last those that did not', async () => {
    const { settled } = await walk([...accepted('open'), ...life('a')]);
    expect(settled.map(({ state, answer }) => [state.id, state.status, answer?.answer])).toEqual([
      ['a', 'completed', { content: 'y' }],
      ['open', 'pending', undefined],
    ]);
  });
});

describe('a broken log', () => {
  it.each<[string, readonly (LogEvent | null)[], string]>([
    ['a record is gone', [...accepted('a'), null, dispatched('a')], 'gap'],
    ['its last record is gone', [...accepted('a'), null], 'gap'],
    ['its first record is gone', [null, ...life('a')], 'gap'],
    ['a record is gone that no erasure names', [null, erased('c'), erasureBegun('c', [4, 5])], 'gap'],
    [
      'a record is there that was erased',
      [...life('a'), erased('c'), erasureBegun('c', [6, 7]), erasureFinished('c', 7)],
      'not_erased',
    ],
    ['a message was never received', [prioritized('a')], 'orphan'],
    [
      'an event is of another tenant',
      [...life('a').slice(0, 3), completed('a', 1, 1, 'blue')],
      'tenant_changed',
    ],
    ['one call has two answers', [...life('a'), completed('a')], 'second_answer'],
    ['a message without a lane is dispatched', [received('a'), dispatched('a')], 'not_in_lane'],
    [
      'a message is dispatched before its time',
      [...accepted('a'), dispatched('a'), attemptFailed('a'), scheduled('a', 2), dispatched('a', 2)],
      'not_in_lane',
    ],
    ['an attempt begins that was in no lane', [...accepted('a'), dispatched('a', 2)], 'attempt_skipped'],
    ['an answer has no call', [...accepted('a'), completed('a')], 'end_without_call'],
    ['a failure has no call', [...accepted('a'), attemptFailed('a')], 'end_without_call'],
    ['a living message is requeued', [...accepted('a'), requeued('a')], 'requeued_alive'],
    [
      'a turn overtakes the one before it',
      [...accepted('a', turn), ...accepted('b', turn), dispatched('b')],
      'turn_overtaken',
    ],
    [
      'two turns overlap',
      [...accepted('a', turn), dispatched('a'), ...accepted('b', turn), dispatched('b')],
      'turn_overtaken',
    ],
    [
      'a turn overtakes one that waits for its retry',
      [...accepted('a', turn), dispatched('a'), attemptFailed('a'), scheduled('a', 2), ...life('b', turn)],
      'turn_overtaken',
    ],
    [
      'a turn overtakes one that its client delayed',
      [received('a', { ...turn, due_at: NOW }), ...life('b', turn)],
      'turn_overtaken',
    ],
    [
      'a summary covers a turn that has not ended',
      [...life('a', turn), ...accepted('b', turn), summarized('c', 11)],
      'summary_ahead',
    ],
  ])('is told by its rule: %s', async (_, log, rule) => {
    expect((await walk(log)).rules).toEqual([rule]);
  });

  it.each<[string, readonly (LogEvent | null)[], string]>([
    ['a further end', [...life('a'), cancelled('a')], 'late_end'],
    ["a slower worker's answer", [...life('a'), completed('a', 1, 2)], 'late_end'],
    ['an event after the end', [...life('a'), prioritized('a')], 'late_event'],
    ['a second reception', [...accepted('a'), received('a')], 'received_again'],
    ['an answer that is stored twice', storedTwice(life('a'), 3), 'stored_twice'],
    ['a call that is stored twice', storedTwice(life('a'), 2), 'stored_twice'],
    ['an erased record', [null, erased('c'), erasureBegun('c', [2, 3])], 'erased'],
    [
      'a record that was erased behind the erasure',
      [erased('c'), null, erasureBegun('c', [4, 5]), erasureFinished('c', 5)],
      'erased',
    ],
  ])('is not what these make of it: %s', async (_, log, rule) => {
    expect((await walk(log)).rules).toEqual([rule]);
  });

  it('says where, of whom and what', async () => {
    expect((await walk([...accepted('a'), dispatched('a', 2)])).findings).toEqual([
      {
        ...{ rule: 'attempt_skipped', sequence: 7, subject: 'a' },
        detail: 'attempt 2 began, attempt 1 was in the lane',
      },
    ]);
  });

  it('knows each missing record, however many are gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), async (kept) => {
        const log = kept.map((keep, index) => (keep ? received(`m${index}`) : null));
        const { findings } = await walk(log);
        const runs = kept.filter((keep, index) => !keep && kept[index - 1] !== false).length;
        expect(findings.map(({ rule }) => rule)).toEqual(Array(runs).fill('gap'));
      }),
    );
  });
});

it('lets an erasure that began during the walk explain gaps, and expects nothing of it', async () => {
  const findings: Finding[] = [];
  const check = new LogCheck({
    found: (finding) => findings.push(finding),
    settled: () => undefined,
    recall: async () => [],
    wasErased: async () => false,
  });
  await check.event({ sequence: 3, event: received('a') });
  await check.event({ sequence: 7, event: prioritized('a') });
  expect(check.lacks(7)).toBe(true);
  check.later(erasureBegun('c', [2, 5]));
  check.later(erasureFinished('c', 5));
  check.end(7);
  expect(findings.map(({ rule, detail }) => [rule, detail])).toEqual([
    ['erased', 'the log has nothing at sequences 4 to 5 (one record)'],
  ]);
});

it('tells a loss that a person accepted from one that nobody knows of, and calls both broken', async () => {
  const findings: Finding[] = [];
  const check = new LogCheck({
    found: (finding) => findings.push(finding),
    settled: () => undefined,
    recall: async () => [],
    wasErased: async () => false,
  });
  await check.event({ sequence: 3, event: received('a') });
  await check.event({ sequence: 11, event: prioritized('a') });
  const event = cloudEvent(
    { subject: 'log', tenant: 'default', now: NOW, newId: () => 'e' },
    'llmq.admin.log-loss-accepted.v1',
    { sequences: [[4, 7] as [number, number]], tables_up_to: 21, log_ended_at: 11, by: 'ann' },
  );
  await check.event({ sequence: 13, event });
  check.end(13);
  expect(findings.map(({ rule, sequence }) => [rule, sequence])).toEqual([
    ['lost', 13],
    ['lost', 4],
    ['gap', 8],
  ]);
  expect(findings.every(isBroken)).toBe(true);
});

it('asks for what it no longer remembers', async () => {
  const log = life('a').map((event, index) => ({ sequence: 2 * index + 3, event }));
  const findings: Finding[] = [];
  const check = new LogCheck({
    found: (finding) => findings.push(finding),
    settled: () => undefined,
    recall: async () => log.slice(0, 3),
    wasErased: async () => false,
  });
  check.malformed(7, 'unreadable');
  await check.event(log[3]!);
  expect(findings.map(({ rule }) => rule)).toEqual(['malformed']);
});
