import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WorkerBeat } from '../workers/worker-beat.js';
import { WorkerPulse } from './worker-pulse.js';

const IDLE = { realtime: 0, high: 0, normal: 0, low: 0 };

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('WorkerPulse', () => {
  it('tells each second how the worker is, within a tenth of one what runs anew, and at last that it is gone', () => {
    const told: [number, number][] = [];
    const gone: string[] = [];
    let running = IDLE;
    const beat = () => ({ slots: 4, capacity: IDLE, running, set_aside: 0, busy_models: [] });
    const start = performance.now();
    const announce = ({ running: { low } }: WorkerBeat) => void told.push([performance.now() - start, low]);
    const pulse = new WorkerPulse('w', beat, { announce, announceLeft: (worker) => void gone.push(worker) });
    pulse.start();
    jest.advanceTimersByTime(2_000);
    expect(told).toEqual([
      [0, 0],
      [1_000, 0],
      [2_000, 0],
    ]);
    jest.advanceTimersByTime(30);
    running = { ...IDLE, low: 3 };
    jest.advanceTimersByTime(1_070);
    expect(told.slice(3)).toEqual([
      [2_100, 3],
      [3_100, 3],
    ]);
    pulse.stop();
    jest.advanceTimersByTime(5_000);
    expect([told.length, gone]).toEqual([5, ['w']]);
  });
});
