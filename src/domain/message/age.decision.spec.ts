import { age, laneAbove } from './age.decision.js';
import { decideDispatch } from './dispatch.decision.js';
import type { Lane } from './lane.policy.js';
import {
  type EventContext,
  type MessageEvent,
  type MessageEventData,
  messageEvent,
} from './message.events.js';
import { evolve, type MessageState } from './message.state.js';

const context = (lane: Lane): EventContext => ({
  ...{ messageId: 'm', tenant: 't', lane, now: '2026-01-01T00:00:00.000Z', newId: () => 'e' },
});
const received = messageEvent(context('low'), 'llmq.message.received.v1', {
  request: { content: 'x', model: 'm', parameters: {} },
  ...{ stream: false, user_id: 'ann', conversation_id: null, requested_priority: null },
  ...{ metadata: {}, timeout_ms: 1, max_retries: 3, deadline: null, source: 'rest' },
});
const data: MessageEventData['llmq.message.prioritized.v1'] = {
  ...{ priority: 'low', reason: 'default', attempt: 1, received_sequence: null, timeout_ms: 1 },
  ...{ max_retries: 3, received_at: context('low').now, model: 'm' },
};
const entry = messageEvent(context('low'), 'llmq.message.prioritized.v1', data);
const aged = age({ sequence: 11, event: entry }, 10, 'normal', context('low'));
const dispatched = (lane: Lane): MessageEvent =>
  messageEvent(context(lane), 'llmq.message.dispatched.v1', {
    ...{
      attempt: 1,
      delivery: 1,
      worker: 'w',
      endpoint: 'e',
      model: 'm',
      waited_ms: 5,
      endpoint_reason: 'only',
    },
  });

/** From sequence 10 on, one after the other. */
const fold = (...events: MessageEvent[]): MessageState =>
  events.reduce<MessageState | null>((state, event, at) => evolve(state, event, 10 + at), null)!;
const decide = (event: typeof aged, sequence: number, state: MessageState) =>
  decideDispatch(event, sequence, state, 3, 0).kind;

it('goes up one lane, from each but the highest', () => {
  expect((['realtime', 'high', 'normal', 'low'] as const).map(laneAbove)).toEqual([
    ...[null, 'realtime', 'high', 'normal'],
  ]);
  expect(aged).toMatchObject({
    lane: 'normal',
    data: { priority: 'normal', reason: 'aged', received_sequence: 10, moved_from: 11, model: 'm' },
  });
});

it('waits in the lane above, and its old entry is out of date', () => {
  const state = fold(received, entry, aged);
  expect(state).toMatchObject({ priority: 'normal', priorityReason: 'aged', laneSequence: 12 });
  expect(decide(aged, 12, state)).toBe('call');
  expect(decide(entry, 11, state)).toBe('superseded');
});

it('counts for nothing when a worker was faster', () => {
  const state = fold(received, entry, dispatched('low'), aged);
  expect(state).toMatchObject({ status: 'processing', priority: 'low', laneSequence: 11 });
  expect(decide(aged, 13, state)).toBe('superseded');
  // The worker died: its entry comes back, and is the one that counts.
  expect(decide(entry, 11, state)).toBe('call');
});

it('counts for nothing while it is held, and when it came back into its lane meanwhile', () => {
  const held = messageEvent(context('low'), 'llmq.message.held.v1', { behind: 'other' });
  expect(fold(received, entry, held, aged)).toMatchObject({ priority: 'low', heldBehind: 'other' });
  const again = messageEvent(context('low'), 'llmq.message.prioritized.v1', {
    ...data,
    reason: 'turn_ready',
  });
  expect(fold(received, entry, again, aged)).toMatchObject({ priority: 'low', laneSequence: 12 });
});

it('is not begun by a worker that recorded its call by the old entry, too late', () => {
  const state = fold(received, entry, aged, dispatched('low'));
  expect(state).toMatchObject({ status: 'pending', priority: 'normal', openAttempts: 0, attempts: 1 });
  expect(decide(entry, 11, state)).toBe('superseded');
  expect(decide(aged, 12, state)).toBe('call');
});

it('stays in its lane for its retries', () => {
  const retry = messageEvent(context('normal'), 'llmq.message.prioritized.v1', {
    ...{ ...data, priority: 'normal', reason: 'retry', attempt: 2 },
  });
  expect(fold(received, entry, aged, dispatched('normal'), retry)).toMatchObject({
    ...{ priority: 'normal', priorityReason: 'aged' },
  });
});
