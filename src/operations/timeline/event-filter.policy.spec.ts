import { cloudEvent } from '../../domain/cloud-event.events.js';
import type { ConversationEvent } from '../../domain/conversation/conversation.events.js';
import { LOG_EVENT_TYPES } from '../../domain/log-event.events.js';
import { messageEvent } from '../../domain/message/message.events.js';
import { type EventFilter, matches, matchesOwner, typesNamed } from './event-filter.policy.js';

const NOW = '2026-01-01T12:00:00.000Z';
const cancelled = messageEvent(
  { messageId: 'm', tenant: 'red', lane: 'high', now: NOW, newId: () => 'e' },
  'llmq.message.cancelled.v1',
  { by: 'ann', reason: 'r' },
);
const about = { subject: 'talk', tenant: 'red', now: NOW, newId: () => 'e' };
const erased: ConversationEvent = cloudEvent(about, 'llmq.conversation.erased.v1', {
  ...{ by: 'ann', reason: 'r', messages: 1 },
});
const userSet = cloudEvent({ ...about, subject: 'ann' }, 'llmq.admin.user-priority-set.v1', {
  ...{ user_id: 'ann', priority: 'high' as const, by: 'root' },
});

it.each<[EventFilter, string]>([
  [{}, 'yes'],
  [{ tenant: 'red', messageId: 'm', priority: 'high', types: ['llmq.message.cancelled.v1'] }, 'yes'],
  [{ tenant: 'blue' }, 'no'],
  [{ types: ['llmq.message.completed.v1'] }, 'no'],
  [{ priority: 'low' }, 'no'],
  [{ messageId: 'n' }, 'no'],
  [{ from: NOW }, 'yes'],
  [{ from: '2026-01-01T12:00:00.001Z' }, 'no'],
  [{ to: NOW }, 'no'],
  [{ to: '2026-01-01T12:00:00.001Z' }, 'yes'],
  [{ userId: 'ann' }, 'ask_owner'],
  [{ conversationId: 'talk' }, 'ask_owner'],
  [{ userId: 'ann', tenant: 'blue' }, 'no'],
])('of an event of a message, %j says %s', (filter, answer) => {
  expect(matches(filter, cancelled)).toBe(answer);
});

it('knows the events that are about a conversation or a user themselves', () => {
  expect(matches({ conversationId: 'talk' }, erased)).toBe('yes');
  expect(matches({ conversationId: 'other' }, erased)).toBe('no');
  expect(matches({ messageId: 'talk' }, erased)).toBe('no');
  expect(matches({ userId: 'ann' }, userSet)).toBe('yes');
  expect(matches({ userId: 'bob' }, userSet)).toBe('no');
  expect(matches({ userId: 'ann', conversationId: 'talk' }, userSet)).toBe('no');
  expect(matches({ priority: 'high' }, userSet)).toBe('yes');
});

it('compares owners in all that the filter names', () => {
  const owner = { userId: 'ann', conversationId: null };
  expect(matchesOwner({ userId: 'ann' }, owner)).toBe(true);
  expect(matchesOwner({ userId: 'ann', conversationId: 'talk' }, owner)).toBe(false);
  expect(matchesOwner({ userId: 'bob' }, owner)).toBe(false);
});

it('takes short names for types', () => {
  expect(typesNamed('completed', LOG_EVENT_TYPES)).toEqual(['llmq.message.completed.v1']);
  expect(typesNamed('message.attempt-failed', LOG_EVENT_TYPES)).toEqual(['llmq.message.attempt-failed.v1']);
  expect(typesNamed('llmq.admin.lane-paused.v1', LOG_EVENT_TYPES)).toEqual(['llmq.admin.lane-paused.v1']);
  expect(typesNamed('nonsense', LOG_EVENT_TYPES)).toEqual([]);
});
