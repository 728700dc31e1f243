import { nextCheckMs, readStatus } from './server-check.policy.js';

describe('a check of a server', () => {
  it('reads a status', () => {
    expect([200, 204, 404, 405, 401, 429, 500, 503].map(readStatus)).toEqual([
      ...['up', 'up', null, null, 'unknown', 'unknown', 'down', 'down'],
    ]);
  });

  it('is made soon while there is doubt, and seldom else', () => {
    const waits = [0, 1, 2, 3, 30].map((failures) => nextCheckMs({ atMs: 100, failures }, true) - 100);
    expect(waits).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(nextCheckMs({ atMs: 0, failures: 3 }, false)).toBe(60_000);
  });
});
