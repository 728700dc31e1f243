import { describe, expect, it } from '@jest/globals';
import {
  EventTooLargeError,
  LogFullError,
  LogOverloadedError,
  LogUnavailableError,
} from '../../log/event-log.errors.js';
import { InvalidCursorError } from '../../projection/read/page.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { openAiStatus, toOpenAiError } from '../openai/openai-error.js';
import { toProblem } from '../rest/problem.js';
import { type Failure, type FailureCode, failureHeaders, failureOf, httpStatus } from './failure.js';

/** REST's status and OpenAI's. The compiler refuses a table that lacks a code. */
const STATUSES: Readonly<Record<FailureCode, readonly [number, number]>> = {
  invalid_json: [400, 400],
  malformed_id: [400, 400],
  invalid_cursor: [400, 400],
  invalid_idempotency_key: [400, 400],
  bad_request: [406, 406],
  unauthorized: [401, 401],
  forbidden: [403, 403],
  foreign_host: [403, 403],
  foreign_origin: [403, 403],
  not_found: [404, 404],
  unknown_conversation: [404, 404],
  method_not_allowed: [405, 405],
  already_exists: [409, 409],
  set_by_configuration: [409, 409],
  limit_reached: [409, 409],
  conversation_closed: [409, 409],
  conversation_full: [409, 409],
  turn_open: [409, 409],
  wrong_state_change: [409, 409],
  already_terminal: [409, 409],
  not_ended: [409, 409],
  deadline_passed: [409, 409],
  idempotency_in_progress: [409, 409],
  content_too_large: [413, 413],
  body_too_large: [413, 413],
  event_too_large: [413, 413],
  uri_too_long: [414, 414],
  unsupported_media_type: [415, 415],
  unsupported_encoding: [415, 415],
  invalid_fields: [422, 400],
  unknown_model: [422, 404],
  idempotency_key_reused: [422, 422],
  queue_full: [429, 429],
  too_many_conversations: [429, 429],
  too_many_of_key: [429, 429],
  internal: [500, 500],
  too_many_waiting: [503, 503],
  too_slow: [503, 503],
  outcome_unknown: [503, 503],
  service_stopping: [503, 503],
  log_overloaded: [503, 503],
  log_unavailable: [503, 503],
  projection_behind: [503, 503],
  projection_unavailable: [503, 503],
  scheduler_unknown: [503, 503],
  log_full: [507, 507],
};

it.each(Object.entries(STATUSES))('tells %s in each protocol', (code, [rest, openAi]) => {
  const failure = { code, message: 'why', status: 406, retryAfterSeconds: 7 } as unknown as Failure;
  expect([httpStatus(failure), openAiStatus(failure)]).toEqual([rest, openAi]);
  expect(toProblem(failure)).toMatchObject({ code, status: rest, detail: 'why' });
  expect(toProblem(failure).title).not.toBe(rest === 406 ? '' : 'The request failed');
  expect(toOpenAiError(failure).error).toMatchObject({ message: 'why', code: expect.any(String) });
  const mayComeAgain = [429, 503, 507].includes(rest) && code !== 'too_many_conversations';
  expect('retry-after' in failureHeaders(failure)).toBe(mayComeAgain || code === 'idempotency_in_progress');
});

it('does not know a code that nobody has', () => {
  const failure = { code: 'none', message: 'why' } as unknown as Failure;
  expect(() => httpStatus(failure)).toThrow('none');
  expect(() => openAiStatus(failure)).toThrow('none');
});

describe('what a client is told of a failure', () => {
  const failures: [Error, number, string][] = [
    [new EventTooLargeError(9, 8), 413, 'event_too_large'],
    [new LogFullError('no space'), 507, 'log_full'],
    [new LogOverloadedError(9, 8), 503, 'log_overloaded'],
    [new LogUnavailableError('unknown', 1, 'away'), 503, 'log_unavailable'],
    [new ProjectionBehindError(9), 503, 'projection_behind'],
    [new InvalidCursorError(), 400, 'invalid_cursor'],
    [new Error('a secret'), 500, 'internal'],
  ];
  for (const [error, status, code] of failures) {
    it(`is ${status} for ${code}`, () => {
      const failure = failureOf(error);
      expect([httpStatus(failure), failure.code]).toEqual([status, code]);
      expect(failure.message).not.toContain('secret');
    });
  }

  it('is whether the message can have been stored all the same', () => {
    const detail = (outcome: 'unknown' | 'not_stored') =>
      failureOf(new LogUnavailableError(outcome, 1, 'away')).message;
    expect(detail('unknown')).toContain('may have been stored');
    expect(detail('not_stored')).toContain('Nothing was stored');
  });
});
