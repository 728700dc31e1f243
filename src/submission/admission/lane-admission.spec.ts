import { RUNNING_TOLD_WITHIN_MS } from '../../dispatch/workers/worker-beat.js';
import type { Lane } from '../../domain/message/message.events.js';
import { type LagSource, LaneAdmission, type Peers } from './lane-admission.js';
import { LaneFullError } from './lane-full.error.js';

const LIMITS = { realtime: 0, high: 0, normal: 0, low: 10 };

const ALONE: Peers = { processes: 1, notCounted: () => 0, asked: () => {}, changed: () => {} };

/** A lane whose true size a test knows; it is read when the test says, and where the admission needs it fresher. */
function lane({
  waiting = 0,
  held = 0,
  drainRate = null as number | null,
  running = 0,
  /** Of workers that run nothing else: what they hold runs, or can at once. */
  slots = 0,
  limit = LIMITS.low,
} = {}) {
  const truth = { waiting, held, drainRate, running };
  const listeners: (() => void)[] = [];
  let reading = { at: performance.now(), lag: new Map([['low' as Lane, { ...truth }]]) };
  const ask = () => {
    for (const listener of listeners) listener();
    reading = { at: performance.now(), lag: new Map([['low' as Lane, { ...truth }]]) };
  };
  const admission = new LaneAdmission(
    {
      read: async (freshForMs = Number.POSITIVE_INFINITY) => {
        if (performance.now() - reading.at >= freshForMs) ask();
        return reading.lag;
      },
      onAsk: (listener) => {
        listeners.push(listener);
        return () => {};
      },
    },
    { ...LIMITS, low: limit },
    () => Math.max(truth.running, slots),
    ALONE,
  );
  const store = async () => {
    truth.waiting += 1;
  };
  return { truth, admission, ask, store };
}

const refused = (error: unknown) => error instanceof LaneFullError;

describe('LaneAdmission', () => {
  it('lets in as many at once as there is room for, and refuses the rest without storing', async () => {
    const { truth, admission, store } = lane({ waiting: 4 });
    const all = await Promise.allSettled(Array.from({ length: 30 }, () => admission.through('low', store)));
    expect(truth.waiting).toBe(10);
    const reasons = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(reasons).toHaveLength(24);
    expect(reasons.every(refused)).toBe(true);
  });

  it('counts what is held ready as waiting, and what runs as not', async () => {
    const { truth, admission, store } = lane({ waiting: 5, held: 7, running: 3 });
    await admission.through('low', store);
    expect(truth.waiting).toBe(6);
    await expect(admission.through('low', store)).rejects.toBeInstanceOf(LaneFullError);
  });

  it('never exceeds the limit across readings, also those taken while messages are on their way', async () => {
    const { truth, admission, ask } = lane();
    for (let round = 0; round < 20; round += 1) {
      const gates: (() => void)[] = [];
      const slow = () =>
        new Promise<void>((resolve) => {
          gates.push(() => {
            truth.waiting += 1;
            resolve();
          });
        });
      const tries = Array.from({ length: 4 }, () => admission.through('low', slow).catch(() => {}));
      await new Promise(setImmediate);
      ask();
      for (const open of gates) open();
      await Promise.all(tries);
      expect(truth.waiting).toBeLessThanOrEqual(10);
    }
    expect(truth.waiting).toBe(10);
  });

  it('has room again after the next reading', async () => {
    const { truth, admission, ask, store } = lane({ waiting: 10 });
    await expect(admission.through('low', store)).rejects.toBeInstanceOf(LaneFullError);
    truth.waiting = 9;
    ask();
    await admission.through('low', store);
    await expect(admission.through('low', store)).rejects.toBeInstanceOf(LaneFullError);
  });

  it('asks the broker whether a message whose append failed is there', async () => {
    const noAnswer = () => Promise.reject(new Error('no answer'));
    const lost = lane({ waiting: 9 });
    await expect(lost.admission.through('low', noAnswer)).rejects.toThrow('no answer');
    await lost.admission.through('low', lost.store);
    const stored = lane({ waiting: 9 });
    await expect(stored.admission.through('low', () => stored.store().then(noAnswer))).rejects.toThrow(
      'no answer',
    );
    await expect(stored.admission.through('low', stored.store)).rejects.toBeInstanceOf(LaneFullError);
  });

  it('refuses nobody for messages that have left the lane since it was read', async () => {
    const { truth, admission } = lane();
    const runsAtOnce = async () => {};
    for (let at = 0; at < 5; at += 1) {
      await Promise.all(Array.from({ length: 10 }, () => admission.through('low', runsAtOnce)));
    }
    expect(truth.waiting).toBe(0);
  });

  it.each([
    [10, 32, 100, 150],
    [2, 16, 60, 100],
  ])(
    'with a limit of %i lets in all that its %i slots keep up with, calls of %i ms at %i a second',
    async (limit, slots, callMs, perSecond) => {
      const { truth, admission } = lane({ slots, limit });
      const call = async () => {
        truth.held += 1;
        setTimeout(() => {
          truth.held -= 1;
        }, callMs);
      };
      const waits: number[] = [];
      const tries: Promise<void>[] = [];
      for (let at = 0; at < 1.5 * perSecond; at += 1) {
        const cameAt = performance.now();
        tries.push(admission.through('low', call).then(() => void waits.push(performance.now() - cameAt)));
        await new Promise((resolve) => setTimeout(resolve, 1_000 / perSecond));
      }
      await Promise.all(tries);
      waits.sort((one, other) => one - other);
      expect(waits[Math.floor(0.95 * waits.length)]).toBeLessThan(200);
    },
  );

  it('has room for what can run at once beside what may wait', async () => {
    const { truth, admission } = lane({ slots: 16, limit: 10 });
    const store = async () => {
      truth.held += 1;
    };
    const { admitted, release } = await admission.admit(Array<Lane>(40).fill('low'), (only) => only);
    expect(admitted).toHaveLength(26);
    for (const _ of admitted) await store();
    release();
    await expect(admission.through('low', store)).rejects.toBeInstanceOf(LaneFullError);
  });

  it('refuses nobody for messages that run, though their worker says so a little later', async () => {
    const { truth, admission } = lane();
    const taken = async () => {
      truth.held += 1;
      setTimeout(() => {
        truth.running += 1;
      }, RUNNING_TOLD_WITHIN_MS);
    };
    await Promise.all(Array.from({ length: 10 }, () => admission.through('low', taken)));
    await admission.through('low', taken);
    expect(truth.held).toBe(11);
  });

  it('never counts beside a reading what was counted for a later one', async () => {
    const listeners: (() => void)[] = [];
    const answers: ((waiting: number) => void)[] = [];
    /** As the broker's reader does it: whoever asks, all are told, and all who read get that answer. */
    const askedBySomebody = () => {
      for (const listener of listeners) listener();
      latest = new Promise((answer) => {
        answers.push((waiting) => answer(new Map([['low' as Lane, { waiting, held: 0, drainRate: null }]])));
      });
    };
    let latest: ReturnType<LagSource['read']>;
    const admission = new LaneAdmission(
      {
        read: (freshForMs) => {
          if (latest === undefined || (freshForMs ?? 0) < 1_000) askedBySomebody();
          return latest;
        },
        onAsk: (listener) => {
          listeners.push(listener);
          return () => {};
        },
      },
      LIMITS,
      () => 0,
      ALONE,
    );
    let stored = 0;
    const store = async () => {
      stored += 1;
    };
    const first = Array.from({ length: 10 }, () => admission.through('low', store));
    answers.shift()!(0);
    await Promise.all(first);
    // What was stored is in no answer that is known, and an older one may still come.
    askedBySomebody();
    const refused = expect(admission.through('low', store)).rejects.toBeInstanceOf(LaneFullError);
    askedBySomebody();
    answers.shift()!(0);
    const answering = setInterval(() => answers.shift()?.(10), 1);
    await refused;
    clearInterval(answering);
    expect(stored).toBe(10);
  });

  it('neither limits nor counts what enters no lane yet', async () => {
    const { truth, admission } = lane({ waiting: 9 });
    const later = async () => {};
    for (let at = 0; at < 20; at += 1) await admission.through(null, later);
    await admission.through('low', later);
    const { admitted } = await lane({ waiting: 10 }).admission.admit([null, null], (only) => only);
    expect(admitted).toHaveLength(2);
    expect(truth.waiting).toBe(9);
  });

  it('takes of many as many as fit, in their order, and all of other lanes', async () => {
    const { admission } = lane({ waiting: 8 });
    const items = ['low', 'normal', 'low', 'low', 'normal', 'low'].map((of, at) => ({ of: of as Lane, at }));
    const { admitted, refused } = await admission.admit(items, ({ of }) => of);
    expect(admitted.map(({ at }) => at)).toEqual([0, 1, 2, 4]);
    expect(refused.map(({ item }) => item.at)).toEqual([3, 5]);
  });

  it('tells when to try again by the rate at which the lane drains', async () => {
    const { admission, store } = lane({ waiting: 109, drainRate: 10 });
    await expect(admission.through('low', store)).rejects.toMatchObject({
      code: 'queue_full',
      retryAfterSeconds: 10,
    });
  });

  it('limits no lane without a limit', async () => {
    const { admission } = lane();
    const items = Array.from({ length: 1_000 }, () => 'normal' as Lane);
    expect((await admission.admit(items, (only) => only)).refused).toEqual([]);
  });
});
