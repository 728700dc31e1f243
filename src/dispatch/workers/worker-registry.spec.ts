import { describe, expect, it } from '@jest/globals';
import type { WorkerBeat } from './nats/worker-beats.js';
import { WorkerRegistry } from './worker-registry.js';

const NONE = { realtime: 0, high: 0, normal: 0, low: 0 };
const beat = (more: Partial<WorkerBeat>): WorkerBeat => ({
  ...{ worker: 'w', slots: 16, capacity: { realtime: 16, high: 14, normal: 14, low: 5 } },
  ...{ running: NONE, models: ['m', 'n'], busy_models: [], served: [] },
  ...more,
});

function startable(...beats: Partial<WorkerBeat>[]) {
  const workers = new WorkerRegistry({ steadyMs: () => 0 });
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
    expect(startable({ busy_models: ['m'] }, { running: { ...NONE, low: 2 } })).toEqual([14, 12, 3]);
    expect(startable()).toEqual([0, 0, 0]);
  });
});

function registry(...beats: Partial<WorkerBeat>[]) {
  const clock = { now: 0 };
  const workers = new WorkerRegistry({ steadyMs: () => clock.now });
  for (const [at, more] of beats.entries()) workers.heard(beat({ worker: `w${at}`, ...more }));
  return { workers, clock };
}

describe('the registry of workers', () => {
  it('sums up what the latest beat of each worker tells', () => {
    const { workers } = registry({ running: { ...NONE, high: 3, low: 1 } }, { slots: 4 });
    workers.heard(beat({ worker: 'w1', slots: 8, running: { ...NONE, low: 2 } }));
    expect([workers.count, workers.slots, workers.runningInAll]).toEqual([2, 24, 6]);
    expect([workers.running('high'), workers.running('low')]).toEqual([3, 3]);
    expect([workers.capacity('realtime'), workers.capacity('low')]).toEqual([32, 10]);
  });

  it('leaves out a worker that has left, or that was silent for three beats', () => {
    const { workers, clock } = registry({}, {}, {});
    workers.left('w0');
    expect(workers.count).toBe(2);
    clock.now = 3_000;
    workers.heard(beat({ worker: 'w1' }));
    expect(workers.count).toBe(2);
    clock.now = 4_000;
    expect([workers.count, workers.slots]).toEqual([1, 16]);
  });

  it('finds a model busy everywhere only where every worker says so', () => {
    const busy = { busy_models: ['m'] };
    expect(registry(busy, busy).workers.isBusyEverywhere('m')).toBe(true);
    expect(registry(busy, {}).workers.isBusyEverywhere('m')).toBe(false);
    expect(registry().workers.isBusyEverywhere('m')).toBe(false);
  });

  it('finds one busy too that the others do not serve, or nobody', () => {
    expect(registry({ busy_models: ['m'] }, { models: ['n'] }).workers.isBusyEverywhere('m')).toBe(true);
    expect(registry({}).workers.isBusyEverywhere('unknown')).toBe(true);
  });
});
