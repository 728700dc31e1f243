import type { Lane } from '../message/message.events.js';
import { LaneAdmission, type Peers } from './lane-admission.js';
import { LaneFullError } from './lane-full.error.js';

const LIMITS = { realtime: 0, high: 0, normal: 0, low: 10 };

const ALONE: Peers = { processes: 1, notCounted: () => 0, asked: () => {}, changed: () => {} };

/** A lane whose true size a test knows, read whenever the test says. */
function lane({ waiting = 0, held = 0, drainRate = null as number | null, running = 0 } = {}) {
  const truth = { waiting, held, drainRate, running };
  const listeners: (() => void)[] = [];
  let reading = { ...truth };
  const admission = new LaneAdmission(
    {
      read: async () => new Map([['low' as Lane, reading]]),
      onAsk: (listener) => {
        listeners.push(listener);
        return () => {};
      },
    },
    LIMITS,
    () => truth.running,
    ALONE,
  );
  const ask = () => {
    for (const listener of listeners) listener();
    reading = { ...truth };
  };
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

  it('counts a message whose append failed until the next reading, since it may be there', async () => {
    const { admission, ask, store } = lane({ waiting: 9 });
    await expect(admission.through('low', () => Promise.reject(new Error('no answer')))).rejects.toThrow(
      'no answer',
    );
    await expect(admission.through('low', store)).rejects.toBeInstanceOf(LaneFullError);
    ask();
    await admission.through('low', store);
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
