import type { MessageState } from '../../domain/message/message.state.js';
import { checkRow } from './row-check.policy.js';

const state: MessageState = {
  ...{
    id: 'm',
    tenant: 't',
    keyName: null,
    callback: null,
    resultTo: null,
    userId: 'u',
    conversationId: null,
    priority: 'high',
    priorityReason: 'explicit',
  },
  ...{
    status: 'completed',
    attempts: 1,
    openAttempts: 0,
    maxRetries: 3,
    model: 'q',
    currentAttempt: 1,
    deadline: null,
  },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:01.000Z', scheduledAt: null },
  ...{ startedAt: null, completedAt: '2026-01-01T00:00:01.000Z', waitedMs: 1, error: null },
  ...{
    receivedSequence: 3,
    turnSequence: 3,
    lastSequence: 9,
    heldBehind: null,
    laneSequence: null,
    terminalSequence: 9,
  },
};
const answer = { sequence: 9, answer: { content: 'y' } };
const message = { state, answer, walkedTo: null };

const rules = (...given: Parameters<typeof checkRow>) => checkRow(...given).map(({ rule }) => rule);

it('finds nothing where the rows are as the log tells', () => {
  expect(checkRow(message, { ...state }, { ...answer })).toEqual([]);
});

it('leaves rows alone that a later event has changed', () => {
  expect(checkRow(message, { ...state, status: 'pending', lastSequence: 11 }, null)).toEqual([]);
});

it('tells a row that a later event has changed which the log has not', () => {
  const row: MessageState = { ...state, status: 'pending', lastSequence: 11 };
  const [found] = checkRow({ ...message, walkedTo: 11 }, row, null);
  expect(found).toMatchObject({
    ...{ rule: 'row_differs', subject: 'm' },
    detail: 'PostgreSQL has an event at sequence 11, which the log has not',
  });
  expect(checkRow({ ...message, walkedTo: 10 }, row, null)).toEqual([]);
});

it('tells each field that differs', () => {
  const found = checkRow(message, { ...state, attempts: 2, lastSequence: 7 }, answer);
  expect(found.map(({ detail }) => detail)).toEqual([
    'attempts is 2 in PostgreSQL and 1 in the log',
    'lastSequence is 7 in PostgreSQL and 9 in the log',
  ]);
  expect(found[0]).toMatchObject({ rule: 'row_differs', sequence: 9, subject: 'm' });
});

it('tells a row that is missing, and an answer that is missing or another', () => {
  expect(rules(message, null, null)).toEqual(['row_missing']);
  expect(rules(message, state, null)).toEqual(['result_differs']);
  expect(rules(message, state, { ...answer, sequence: 7 })).toEqual(['result_differs']);
  expect(rules(message, state, { ...answer, answer: { content: 'z' } })).toEqual(['result_differs']);
});

it('tells long values by their beginning and their length', () => {
  const [found] = checkRow(message, { ...state, model: 'x'.repeat(10_000) }, { ...answer });
  expect(found!.detail).toMatch(
    /^model is "x{119}\.\.\. \(10002 characters\) in PostgreSQL and "q" in the log$/,
  );
});
