import { describe, expect, it } from '@jest/globals';
import {
  EventTooLargeError,
  LogFullError,
  LogOverloadedError,
  LogUnavailableError,
} from '../../log/event-log.errors.js';
import { describeFailure } from './failure.js';

describe('what a client is told of a failure', () => {
  const failures: [Error, number, string][] = [
    [new EventTooLargeError(9, 8), 413, 'event_too_large'],
    [new LogFullError('no space'), 507, 'log_full'],
    [new LogOverloadedError(9, 8), 503, 'log_overloaded'],
    [new LogUnavailableError('unknown', 1, 'away'), 503, 'log_unavailable'],
    [new Error('a secret'), 500, 'internal'],
  ];
  for (const [error, status, code] of failures) {
    it(`is ${status} for ${code}`, () => {
      expect(describeFailure(error)).toMatchObject({ status, code, unexpected: status === 500 });
      expect(describeFailure(error).detail).not.toContain('secret');
    });
  }

  it('is whether the message can have been stored all the same', () => {
    const detail = (outcome: 'unknown' | 'not_stored') =>
      describeFailure(new LogUnavailableError(outcome, 1, 'away')).detail;
    expect(detail('unknown')).toContain('may have been stored');
    expect(detail('not_stored')).toContain('Nothing was stored');
  });
});
