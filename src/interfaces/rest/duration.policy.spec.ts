import fc from 'fast-check';
import { durationMs, waitDuration } from './duration.policy.js';

describe('durationMs', () => {
  it.each([
    [90, 90_000],
    [0, 0],
    [0.5, 500],
    [0.1 + 0.2, 300],
    ['90', 90_000],
    ['90s', 90_000],
    ['1.5s', 1_500],
    ['250ms', 250],
    ['5m', 300_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
  ])('reads %p', (value, expected) => {
    expect(durationMs(value)).toBe(expected);
  });

  it.each([
    '',
    's',
    '-1',
    -1,
    '1w',
    '1 s',
    ' 1s',
    '1e3',
    Number.NaN,
    Infinity,
    1e21,
    null,
    {},
    '1h30m',
    '١s',
  ])('refuses %p', (value) => {
    expect(durationMs(value)).toBeNull();
  });

  it('gives whole milliseconds or nothing, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.integer(), fc.anything()), (value) => {
        const ms = durationMs(value);
        return ms === null || (Number.isSafeInteger(ms) && ms >= 0);
      }),
    );
  });
});

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
