import fc from 'fast-check';
import type { CallSign } from './call-sign.state.js';
import {
  checked,
  type Health,
  heard,
  isProbeDue,
  later,
  nextStepMs,
  shareOf,
  UNTRIED,
  wentWell,
} from './health.state.js';

const answered: CallSign = { kind: 'answered', firstTokenMs: 100, tokens: 5 };
const failed: CallSign = { kind: 'failed', code: 'broken_stream', stalled: false };
const refusedConnection: CallSign = { kind: 'not_now', reason: 'refused_connection', retryAfterMs: null };
const limited: CallSign = { kind: 'not_now', reason: 'rate_limited', retryAfterMs: 1_000 };
const rejected: CallSign = { kind: 'rejected' };

/** A sign each 100 ms, of calls that took 10 ms. */
function after(signs: readonly CallSign[], from: Health = UNTRIED, startMs = 1_000): [Health, number] {
  let now = startMs;
  const health = signs.reduce((before, sign) => {
    now += 100;
    return heard(before, { sign, beganMs: now - 10 }, now);
  }, from);
  return [health, now];
}
const times = (count: number, sign: CallSign) => Array.from({ length: count }, () => sign);

const sign = fc.constantFrom<CallSign>(
  ...[answered, failed, { ...failed, stalled: true }, refusedConnection, limited, rejected],
);

describe('health', () => {
  it('stands with answers, and with what is not its fault', () => {
    const own: CallSign = { kind: 'failed', code: 'call_timeout', stalled: false };
    const [health] = after([...times(20, answered), ...times(30, limited), ...times(30, own), rejected]);
    expect(health.state).toBe('healthy');
  });

  it('takes answers that other processes got as the end of refusals in a row', () => {
    const once = checked(UNTRIED, 'down', 1_000);
    const answeredElsewhere = wentWell(once, 3, 100, 30_000);
    expect(checked(answeredElsewhere, 'down', 61_000).state).toBe('healthy');
    expect(checked(once, 'down', 61_000).state).toBe('unhealthy');
  });

  it('falls with five failures in a row, or two refusals some time apart', () => {
    expect(after(times(4, failed))[0].state).toBe('healthy');
    expect(after(times(5, failed))[0]).toMatchObject({
      state: 'unhealthy',
      reason: '5 calls in a row failed',
    });
    expect(after([failed, failed, failed, failed, answered, failed])[0].state).not.toBe('unhealthy');
    expect(after([refusedConnection])[0].state).toBe('healthy');
    expect(after([refusedConnection, refusedConnection])[0].state).toBe('unhealthy');
  });

  it('takes refusals of calls that were under way together for one', () => {
    const [health, now] = after([refusedConnection]);
    const crowd = times(10, refusedConnection).reduce(
      (before, each) => heard(before, { sign: each, beganMs: now - 50 }, now + 20),
      health,
    );
    expect(crowd.state).toBe('healthy');
  });

  it('is in doubt with some failures, a stall, or first pieces much slower than usual', () => {
    const some = [...times(18, answered), failed, answered, failed, failed];
    expect(after(some)[0]).toMatchObject({ state: 'degraded' });
    const [stalled, now] = after([...times(5, answered), { ...failed, stalled: true }]);
    expect(stalled.state).toBe('degraded');
    expect(later(stalled, now + 61_000).state).toBe('healthy');
    const slow: CallSign = { kind: 'answered', firstTokenMs: 3_000, tokens: 5 };
    expect(after([...times(50, answered), ...times(8, slow)])[0]).toMatchObject({ state: 'degraded' });
  });

  it('is proved by one call alone, after which its part rises in steps', () => {
    const [gone, now] = after(times(5, failed));
    expect([shareOf(gone, now), isProbeDue(gone, now), isProbeDue(gone, now + 1_000)]).toEqual([
      0,
      false,
      true,
    ]);
    const old = heard(gone, { sign: answered, beganMs: now - 5_000 }, now + 500);
    expect(old.state).toBe('unhealthy');
    const back = heard(gone, { sign: answered, beganMs: now + 1_000 }, now + 2_000);
    expect(back).toMatchObject({ state: 'degraded', probe: null });
    const steps = [0, 1_999, 2_000, 4_000, 6_000].map((ms) => shareOf(back, now + 2_000 + ms));
    expect(steps).toEqual([0.1, 0.1, 0.25, 0.5, 1]);
    expect(later(back, now + 8_000).state).toBe('healthy');
  });

  it('falls at once when a call fails while it comes back, and is tried later each time', () => {
    let [health, now] = after(times(5, failed));
    let waited = 0;
    for (let round = 0; round < 5; round += 1) {
      const due = health.probe!.dueAtMs;
      expect(due - now).toBeGreaterThanOrEqual(waited);
      expect(due - now).toBeLessThanOrEqual(10_000);
      waited = due - now;
      health = heard(health, { sign: answered, beganMs: due }, due + 10);
      now = due + 20;
      health = heard(health, { sign: failed, beganMs: due + 15 }, now);
      expect(health.state).toBe('unhealthy');
    }
  });

  it('is tried no more while a check fails, and at once when one succeeds', () => {
    const [gone, now] = after(times(5, failed));
    const down = checked(gone, 'down', now + 500);
    expect([isProbeDue(down, now + 60_000), nextStepMs(down, now)]).toEqual([false, null]);
    expect(isProbeDue(checked(down, 'up', now + 700), now + 700)).toBe(true);
    expect(checked(UNTRIED, 'up', 5)).toBe(UNTRIED);
    const silent = checked(checked(UNTRIED, 'down', 5), 'down', 60_000);
    expect(silent).toMatchObject({ state: 'unhealthy', probe: { checked: 'unknown' } });
  });

  it('is not closed by checks that get no answer in time', () => {
    let health: Health = UNTRIED;
    for (let now = 1_000; now < 60_000; now += 3_000) health = checked(health, 'silent', now);
    expect(health.state).toBe('healthy');
    const [refusedOnce, now] = after([refusedConnection]);
    expect(checked(refusedOnce, 'silent', now + 3_000).state).toBe('healthy');
  });

  it('is closed by two checks that found it down, and opened by the next good one, with a rising part', () => {
    const once = checked(UNTRIED, 'down', 1_000);
    expect(checked(checked(once, 'up', 2_000), 'down', 3_000).state).toBe('healthy');
    const closed = checked(once, 'down', 2_000);
    expect(closed).toMatchObject({
      ...{ state: 'unhealthy', reason: 'its server failed 2 checks in a row', refusalsInRow: 0 },
    });
    const back = checked(checked(closed, 'down', 3_000), 'up', 4_000);
    expect(back).toMatchObject({ state: 'degraded', probe: null, failedChecks: 0 });
    expect([shareOf(back, 4_000), later(back, 11_000).state]).toEqual([0.1, 'healthy']);
    expect(checked(back, 'down', 5_000)).toMatchObject({
      ...{ state: 'unhealthy', reason: 'a check of its server failed again while it came back' },
    });
  });

  it('is not opened by a check where a call failed, while calls come', () => {
    const [gone, now] = after(times(5, failed));
    expect(checked(gone, 'up', now + 30_000).state).toBe('unhealthy');
    const both = checked(after([refusedConnection])[0], 'down', now);
    expect(both).toMatchObject({
      ...{ state: 'unhealthy', reason: 'it refused to serve, and its server failed 1 check in a row' },
    });
    expect(checked(both, 'up', now + 500).state).toBe('unhealthy');
    const closed = checked(checked(UNTRIED, 'down', 500), 'down', 1_000);
    const triedInVain = heard(closed, { sign: failed, beganMs: 2_000 }, 2_100);
    expect(checked(triedInVain, 'up', 2_500).state).toBe('unhealthy');
  });

  it('is opened by a good check when nobody has called it for a minute, though a call might have begun', () => {
    const [gone, now] = after(times(2, refusedConnection));
    const due = gone.probe!.dueAtMs;
    expect(checked(gone, 'up', due + 59_000).state).toBe('unhealthy');
    expect(checked(gone, 'unknown', due + 61_000).state).toBe('unhealthy');
    expect(checked(gone, 'up', due + 61_000, due + 10_000).state).toBe('unhealthy');
    expect(checked(gone, 'up', due + 61_000).state).toBe('degraded');
    const seenAgain = checked(checked(gone, 'down', now + 500), 'up', now + 90_000);
    expect(seenAgain.state).toBe('unhealthy');
    expect(checked(seenAgain, 'up', now + 150_001).state).toBe('degraded');
  });

  it('is tried some time after a server that was down falls silent', () => {
    const [gone, now] = after(times(5, failed));
    const silent = checked(checked(gone, 'down', now), 'silent', now + 3_000);
    expect([isProbeDue(silent, now + 12_999), isProbeDue(silent, now + 13_000)]).toEqual([false, true]);
    expect(checked(silent, 'silent', now + 6_000)).toEqual(silent);
  });

  it('never serves while it is unhealthy, is never without a way back, and never counts below nothing', () => {
    const step = fc.oneof(
      fc.record({ sign, waitMs: fc.nat(20_000) }),
      fc.record({ well: fc.nat(50), waitMs: fc.nat(20_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 1_000;
        let health: Health = UNTRIED;
        for (const each of steps) {
          now += each.waitMs + 1;
          const before = later(health, now);
          health =
            'sign' in each
              ? heard(before, { sign: each.sign, beganMs: now - 1 }, now)
              : wentWell(before, each.well, 100, now);
          expect(health.good).toBeGreaterThanOrEqual(0);
          expect(health.bad).toBeGreaterThanOrEqual(0);
          const share = shareOf(health, now);
          expect(share > 0).toBe(health.state !== 'unhealthy');
          expect(health.probe !== null).toBe(health.state === 'unhealthy');
          if (health.state === 'unhealthy') expect(isProbeDue(health, now + 10_000)).toBe(true);
          else expect(later(later(health, now + 7_000), now + 600_000).state).toBe('healthy');
        }
      }),
    );
  });
});
