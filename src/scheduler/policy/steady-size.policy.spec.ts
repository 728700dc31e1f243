import { NO_SLOTS, totalOf } from './slots-by-lane.policy.js';
import { NO_CHANGES, type SizeHistory, steadied } from './steady-size.policy.js';

const SETTINGS = { hysteresis: 0.1, upCoolDownMs: 15_000, downCoolDownMs: 300_000 };
const size = (normal: number) => ({ ...NO_SLOTS, normal });

/** The size second by second, for what is wanted in each of them. */
function sizes(first: number, wantedAt: (second: number) => number, seconds: number): number[] {
  let current = size(first);
  let history: SizeHistory = NO_CHANGES;
  return Array.from({ length: seconds }, (_, second) => {
    const question = {
      current,
      wanted: size(wantedAt(second)),
      atMs: second * 1000,
      notUp: null,
      notDown: null,
    };
    const steady = steadied(question, history, SETTINGS);
    current = { ...NO_SLOTS, ...steady.slots };
    history = steady.history;
    return totalOf(current);
  });
}

it('raises at once, and again only after the cool-down', () => {
  const row = sizes(4, (second) => 10 + 10 * second, 40);
  expect([row[0], row[14], row[15], row[29], row[30]]).toEqual([10, 10, 160, 160, 310]);
});

it('lowers to the most that was wanted in the cool-down, and not again within another', () => {
  const wanted = (second: number) => (second === 0 ? 20 : second <= 10 ? 15 : 5);
  const row = sizes(20, wanted, 700);
  expect([row[299], row[300], row[599], row[600]]).toEqual([20, 15, 15, 5]);
});

it('keeps a size that is near to the wanted one, for ever', () => {
  expect(new Set(sizes(20, (second) => (second % 2 === 0 ? 22 : 18), 1_000))).toEqual(new Set([20]));
});

it('keeps what a lull of less than the cool-down would give away', () => {
  expect(new Set(sizes(20, (second) => (second % 290 === 0 ? 20 : 2), 2_000))).toEqual(new Set([20]));
});
