import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { LaneLag } from '../../dispatch/lanes/jetstream/lane-lag.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { LaneAdmission } from './lane-admission.js';

const LIMIT = 10;

interface Truth {
  waiting: number;
  delivered: number;
  running: number;
  startable: number;
  drainRate: number | null;
}

/** The admission of one process, whose readings come in the three steps of a real one, when the test says so. */
function process(truth: Truth, { limit = LIMIT, paused = false } = {}) {
  let asked: () => (lags: ReadonlyMap<Lane, LaneLag>) => void = () => () => {};
  let answer: ((lags: ReadonlyMap<Lane, LaneLag>) => void) | null = null;
  let counted: ReadonlyMap<Lane, LaneLag> | null = null;
  const rereads: number[] = [];
  const level = { max_size: 0 };
  const levels = { realtime: level, high: level, normal: level, low: { max_size: limit } };
  const admission = new LaneAdmission(
    {
      read: async (freshForMs = 0) => {
        rereads.push(freshForMs);
        return new Map();
      },
      onAsk: (listener) => {
        asked = listener;
        return () => {};
      },
    },
    { running: () => truth.running, startable: () => truth.startable },
    { isPaused: () => paused },
    { queue: { levels } } as unknown as ServiceConfig,
  );
  const steps = {
    /** False where an answer is awaited already. */
    ask: () => {
      if (answer !== null) return false;
      answer = asked();
      return true;
    },
    /** False where the broker was not asked, or has counted already. */
    count: () => {
      if (answer === null || counted !== null) return false;
      const { waiting, delivered, drainRate } = truth;
      counted = new Map([['low' as Lane, { waiting, delivered, drainRate, routes: new Map() }]]);
      return true;
    },
    /** False where there is no answer yet. */
    answer: () => {
      if (counted === null) return false;
      answer?.(counted);
      answer = counted = null;
      return true;
    },
  };
  const read = () => {
    steps.ask();
    steps.count();
    steps.answer();
  };
  /** Stores one message at once, if the lane has room. */
  const submit = () => {
    const full = admission.admit('low');
    if (full !== null) return full;
    truth.waiting += 1;
    admission.settle('low', true);
    return null;
  };
  read();
  return { admission, submit, read, rereads, ...steps };
}

const lane = (more: Partial<Truth> = {}): Truth => ({
  ...{ waiting: 0, delivered: 0, running: 0, startable: 0, drainRate: null },
  ...more,
});
const accepted = (of: readonly unknown[]) => of.filter((full) => full === null).length;
const times = <T>(count: number, of: () => T): T[] => Array.from({ length: count }, of);

describe('LaneAdmission', () => {
  it('lets in as many as there is room for, and refuses the rest at once', () => {
    const truth = lane({ waiting: 4 });
    const { submit } = process(truth);
    const all = times(30, submit);
    expect(all.map((full) => full === null)).toEqual([...times(6, () => true), ...times(24, () => false)]);
    expect(truth.waiting).toBe(LIMIT);
    expect(all[29]).toMatchObject({ code: 'queue_full', lane: 'low', limit: LIMIT });
  });

  it('counts what was delivered as waiting, and what runs as not', () => {
    const { submit } = process(lane({ waiting: 5, delivered: 7, running: 3 }));
    expect(accepted(times(5, submit))).toBe(1);
  });

  it('has room for what can run at once beside what may wait, but not while the lane is paused', () => {
    const slots = { startable: 16 };
    expect(accepted(times(40, process(lane(slots)).submit))).toBe(26);
    expect(accepted(times(40, process(lane(slots), { paused: true }).submit))).toBe(10);
  });

  it('counts what is on its way', () => {
    const { admission } = process(lane());
    expect(accepted(times(30, () => admission.admit('low')))).toBe(LIMIT);
  });

  it('forgets what was not stored, and counts what may be', () => {
    const { admission } = process(lane({ waiting: 9 }));
    expect(admission.admit('low')).toBeNull();
    admission.settle('low', false);
    expect(admission.admit('low')).toBeNull();
    admission.settle('low', true);
    expect(admission.admit('low')).not.toBeNull();
  });

  it('has room again after the next reading', () => {
    const truth = lane({ waiting: 10 });
    const { submit, read } = process(truth);
    expect(submit()).not.toBeNull();
    truth.waiting = 9;
    read();
    expect([submit(), submit()]).toMatchObject([null, { code: 'queue_full' }]);
  });

  it('asks for a fresher reading before the lane seems full, and once it does', () => {
    const { submit, rereads } = process(lane());
    times(5, submit);
    expect(rereads).toEqual([]);
    submit();
    expect(rereads).toHaveLength(1);
    times(10, submit);
    expect(rereads.length).toBeGreaterThan(5);
  });

  it('lets in all that workers keep up with, where readings come in time', () => {
    const truth = lane({ startable: 32 });
    const { submit, read } = process(truth);
    for (let at = 0; at < 1_000; at += 1) {
      expect(submit()).toBeNull();
      truth.waiting = 0;
      if (at % 20 === 0) read();
    }
  });

  it('never counts beside a reading what was counted for a later one', () => {
    const truth = lane();
    const { submit, ask, count, answer } = process(truth);
    expect(accepted(times(10, submit))).toBe(10);
    // Asked anew, but without an answer yet: the old reading and all since then stand.
    ask();
    expect(submit()).not.toBeNull();
    count();
    answer();
    expect(submit()).not.toBeNull();
  });

  it('tells when to try again by the rate at which the lane drains', () => {
    const { submit } = process(lane({ waiting: 109, drainRate: 10 }));
    expect(submit()).toMatchObject({ code: 'queue_full', retryAfterSeconds: 10 });
  });

  it('limits no lane without a limit, nor one that the broker does not tell of', () => {
    const { admission } = process(lane());
    expect(accepted(times(1_000, () => admission.admit('normal')))).toBe(1_000);
    expect(accepted(times(1_000, process(lane({ waiting: 99 }), { limit: 0 }).submit))).toBe(1_000);
  });

  it('takes a reading before it begins, and only where a lane has a limit', async () => {
    const { admission, rereads } = process(lane());
    await admission.onApplicationBootstrap();
    admission.onModuleDestroy();
    expect(rereads).toHaveLength(1);
    const unlimited = process(lane(), { limit: 0 });
    await unlimited.admission.onApplicationBootstrap();
    expect(unlimited.rereads).toEqual([]);
  });

  it('takes in a whole burst up to the limit, however its readings fall into it', () => {
    const truth = lane();
    const { admission, ask, count, answer } = process(truth);
    for (let at = 0; at < LIMIT; at += 1) {
      expect(admission.admit('low')).toBeNull();
      // Asked while it is on its way, and counted once it is stored.
      ask();
      truth.waiting += 1;
      admission.settle('low', true);
      count();
      answer();
    }
    expect(admission.admit('low')).not.toBeNull();
  });

  it('lets a lane hold no more than its limit and what others put in within a second of a reading', () => {
    let clock = 0;
    const time = jest.spyOn(performance, 'now').mockImplementation(() => clock);
    const step = fc.record({
      of: fc.nat({ max: 2 }),
      what: fc.constantFrom(
        ...['admit', 'admit', 'admit', 'store', 'lose', 'ask', 'count', 'answer', 'drain', 'second'],
      ),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300, size: 'max' }),
        fc.integer({ min: 1, max: 3 }),
        (steps, processes) => {
          const truth = lane();
          const all = times(processes, () => ({
            ...process(truth),
            ...{ onTheirWay: 0, askedAt: clock, othersWhenCounted: 0 },
            readings: [{ askedAt: clock, others: 0 }],
          }));
          const storedBy = all.map(() => 0);
          const storedByOthers = (of: number) =>
            storedBy.reduce((sum, n, at) => sum + (at === of ? 0 : n), 0);
          for (const { of: any, what } of steps) {
            const of = any % processes;
            const one = all[of]!;
            if (what === 'admit' && one.admission.admit('low') === null) {
              one.onTheirWay += 1;
              const isFresh = clock - one.readings.at(-1)!.askedAt <= 5_000;
              const byOthersSince =
                storedByOthers(of) - Math.min(...one.readings.map(({ others }) => others));
              if (isFresh) expect(truth.waiting + one.onTheirWay).toBeLessThanOrEqual(LIMIT + byOthersSince);
            }
            if ((what === 'store' || what === 'lose') && one.onTheirWay > 0) {
              one.onTheirWay -= 1;
              if (what === 'store') {
                truth.waiting += 1;
                storedBy[of]! += 1;
              }
              one.admission.settle('low', what === 'store');
            }
            if (what === 'ask' && one.ask()) one.askedAt = clock;
            if (what === 'count' && one.count()) one.othersWhenCounted = storedByOthers(of);
            if (what === 'answer' && one.answer()) {
              const kept = one.readings.filter(({ askedAt }) => clock - askedAt <= 1_000);
              one.readings = [...kept, { askedAt: one.askedAt, others: one.othersWhenCounted }];
            }
            if (what === 'drain') truth.waiting = Math.max(0, truth.waiting - 1);
            if (what === 'second') clock += 600;
          }
        },
      ),
      { numRuns: 300 },
    );
    time.mockRestore();
  });
});
