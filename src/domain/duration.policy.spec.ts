import { SETTING_DURATION, settingDurationMs } from './duration.policy.js';

it.each([
  ['1s', 1_000],
  ['90m', 5_400_000],
  ['12h', 43_200_000],
  ['30d', 2_592_000_000],
])('reads %s', (text, ms) => {
  expect(SETTING_DURATION.test(text)).toBe(true);
  expect(settingDurationMs(text)).toBe(ms);
});

it.each(['', '0d', '1', '1.5h', '-1d', '1w', '1d ', '9999999999d'])('does not take %j', (text) => {
  expect(SETTING_DURATION.test(text)).toBe(false);
});
