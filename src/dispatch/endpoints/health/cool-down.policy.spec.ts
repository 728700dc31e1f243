import fc from 'fast-check';
import type { NotNowReason } from '../../../domain/message/message.events.js';
import { type CoolDown, cooled, taken } from './cool-down.policy.js';

const reason = fc.constantFrom<NotNowReason>(
  ...(['rate_limited', 'quota_exceeded', 'unavailable', 'refused_connection'] as const),
);
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const refusal = (reason: NotNowReason, beganMs: number, retryAfterMs: number | null = null) => ({
  ...{ reason, beganMs, retryAfterMs },
});

describe('a cool-down', () => {
  it('lasts as long as told', () => {
    fc.assert(
      fc.property(reason, fc.integer({ min: 100, max: 10_000_000 }), random, (why, told, chance) => {
        expect(cooled(null, refusal(why, 0, told), 1_000, chance).untilMs).toBe(1_000 + told);
      }),
    );
  });

  it('doubles with each refusal in a row up to its cap, and never is under half of that', () => {
    fc.assert(
      fc.property(fc.array(random, { minLength: 1, maxLength: 20 }), (chances) => {
        let now = 0;
        let coolDown: CoolDown | null = null;
        for (const [index, chance] of chances.entries()) {
          coolDown = cooled(coolDown, refusal('rate_limited', now + 1), now + 2, chance);
          const span = Math.min(60_000, 1_000 * 2 ** index);
          const waits = coolDown.untilMs - coolDown.sinceMs;
          expect(waits).toBeGreaterThanOrEqual(span / 2 - 0.001);
          expect(waits).toBeLessThanOrEqual(span + 0.001);
          now = coolDown.untilMs;
        }
      }),
    );
  });

  it('takes calls that were under way together for one refusal, and the longest that was told', () => {
    const first = cooled(null, refusal('rate_limited', 10), 20, 0);
    const more = [15, 20, 3].reduce<CoolDown>(
      (coolDown, beganMs) => cooled(coolDown, refusal('rate_limited', beganMs), 25, 0.9),
      first,
    );
    expect(more).toEqual(first);
    const told = cooled(more, refusal('rate_limited', 12, 9_000), 30, 0);
    expect([told.refusals, told.untilMs]).toEqual([1, 9_030]);
    expect(cooled(told, refusal('rate_limited', 9_031), 9_040, 0).refusals).toBe(2);
  });

  it('is long where money is lacking', () => {
    expect(cooled(null, refusal('quota_exceeded', 0), 0, 0).untilMs).toBeGreaterThanOrEqual(60_000);
  });

  it('ends with a call that was taken, but not with one from before the refusal', () => {
    const coolDown = cooled(null, refusal('unavailable', 10), 20, 0);
    expect([taken(coolDown, 15), taken(coolDown, 700), taken(null, 1)]).toEqual([coolDown, null, null]);
  });
});
