import { describe, expect, it } from '@jest/globals';
import type { WorkerBeat } from './worker-beat.js';
import { WorkerRegistry } from './worker-registry.js';

const NONE = { realtime: 0, high: 0, normal: 0, low: 0 };
const beat = (more: Partial<WorkerBeat>): WorkerBeat => ({
  ...{ worker: 'w', slots: 16, capacity: { realtime: 16, high: 14, normal: 14, low: 5 } },
  ...{ running: NONE, set_aside: 0, busy_models: [] },
  ...more,
});

function startable(...beats: Partial<WorkerBeat>[]) {
  const workers = new WorkerRegistry({ nowMs: () => 0 });
  for (const [at, more] of beats.entries()) workers.heard(beat({ worker: `w${at}`, ...more }));
  return [workers.startable('realtime'), workers.startable('normal'), workers.startable('low')];
}

describe('what can run at once', () => {
  it('is what a worker has slots for, within what each lane may have', () => {
    expect(startable({})).toEqual([16, 14, 5]);
    expect(startable({ running: { ...NONE, high: 3, low: 1 } })).toEqual([12, 10, 4]);
  });

  it('leaves out the slots that are held back for realtime', () => {
    expect(startable({ running: { ...NONE, high: 12, normal: 1 } })).toEqual([3, 1, 1]);
    expect(startable({ running: { ...NONE, high: 14 } })).toEqual([2, 0, 0]);
    expect(startable({ running: { ...NONE, realtime: 16 } })).toEqual([0, 0, 0]);
  });

  it('is nothing where endpoints are what is lacking, and the sum of all workers else', () => {
    expect(startable({ set_aside: 1 })).toEqual([0, 0, 0]);
    expect(startable({ busy_models: ['m'] }, { running: { ...NONE, low: 2 } })).toEqual([14, 12, 3]);
    expect(startable()).toEqual([0, 0, 0]);
  });
});
