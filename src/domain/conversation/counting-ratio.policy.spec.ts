import { ratioAfter } from './counting-ratio.policy.js';

it('rises at once and falls slowly, and never says that a model counts less', () => {
  const higher = ratioAfter(1, 1_000, 1_200);
  expect(higher).toBe(1.2);
  const lower = ratioAfter(higher, 1_000, 900);
  expect(lower).toBeGreaterThan(1.18);
  expect(lower).toBeLessThan(1.2);
});

it('learns nothing of short lists, and not much of one with pictures', () => {
  expect(ratioAfter(1, 20, 60)).toBe(1);
  expect(ratioAfter(1, 1_000, 9_000)).toBe(1.5);
  expect(ratioAfter(1.1, 1_000, 0)).toBe(1.1);
});
