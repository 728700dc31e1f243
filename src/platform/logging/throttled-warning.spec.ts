import { describe, expect, it, jest } from '@jest/globals';
import { ThrottledWarning } from './throttled-warning.js';

describe('a throttled warning', () => {
  it('is told at once, and then twice a minute, with how often it was not told', () => {
    const warn = jest.fn<(about: unknown, text?: string) => void>();
    let nowMs = 5;
    const warning = new ThrottledWarning({ warn }, () => nowMs);
    for (; nowMs < 70_000; nowMs += 1_000) warning.warn({ at: nowMs }, 'away');
    expect(warn.mock.calls).toEqual([
      [{ at: 5 }, 'away'],
      [{ at: 30_005, suppressed: 29 }, 'away'],
      [{ at: 60_005, suppressed: 29 }, 'away'],
    ]);
    nowMs = 3_600_000;
    warning.warn({ at: nowMs }, 'away');
    expect(warn).toHaveBeenLastCalledWith({ at: nowMs }, 'away');
  });
});
