import { describe, expect, it } from '@jest/globals';
import { EXIT, exitCodeOfEnd, exitCodeOfStatus } from './exit-codes.policy.js';

describe('what a command ends with', () => {
  it('is told apart by what can be done about it', () => {
    expect([400, 401, 403, 404, 409, 422, 429, 500, 503, 507].map(exitCodeOfStatus)).toEqual([
      ...[EXIT.failed, EXIT.notAllowed, EXIT.notAllowed, EXIT.notFound, EXIT.failed, EXIT.failed],
      ...[EXIT.busy, EXIT.failed, EXIT.busy, EXIT.busy],
    ]);
  });

  it('is 0 only for what was answered', () => {
    expect(['completed', 'failed', 'cancelled', 'expired'].map(exitCodeOfEnd)).toEqual([0, 4, 4, 4]);
  });

  it('means one thing each', () => {
    expect(new Set(Object.values(EXIT)).size).toBe(Object.keys(EXIT).length);
  });
});
