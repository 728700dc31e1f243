import { describe, expect, it } from '@jest/globals';
import { waitDuration } from './wait-duration.policy.js';

describe('waitDuration', () => {
  it.each([
    ['30s', 30_000],
    ['500ms', 500],
    ['1m', 60_000],
    ['30', 30_000],
    ['0', 0],
    ['0.5', 500],
    ['1.5s', 1_500],
    ['60000ms', 60_000],
  ])('reads %s', (text, milliseconds) => expect(waitDuration(text)).toBe(milliseconds));

  it.each(['', 's', '-1s', '1h', '30 s', '1e3', '61', '61s', '2m', '60001ms', 'NaN', '30S', '0x10'])(
    'refuses %p',
    (text) => expect(waitDuration(text)).toBeNull(),
  );
});
