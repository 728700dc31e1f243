import { expect, it } from '@jest/globals';
import { bytesText, numberText, shareText, spanText, timeText } from './amounts.policy.js';

it('tells spans in the units that say something', () => {
  expect([0, 4.4, 60, 200, 3_600, 7_500, 90_000].map(spanText)).toEqual([
    ...['0 s', '4 s', '1 min', '3 min 20 s', '1 h', '2 h 5 min', '1 d 1 h'],
  ]);
});

it('tells what is not known as such', () => {
  expect([numberText(null), shareText(undefined), timeText(null)]).toEqual(['-', '-', '-']);
  expect([numberText(1.25, 1), shareText(0.125), timeText('2030-01-31T09:00:00.123Z')]).toEqual([
    ...['1.3', '13 %', '2030-01-31 09:00:00'],
  ]);
});

it('tells sizes', () => {
  expect([0, 512, 2_048, 5 * 2 ** 20, 3 * 2 ** 30].map(bytesText)).toEqual([
    ...['0 B', '512 B', '2.0 KiB', '5.0 MiB', '3.0 GiB'],
  ]);
});
