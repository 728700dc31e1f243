import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WorkerBeat } from '../workers/nats/worker-beats.js';
import type { WorkerStatus } from './worker.js';
import { WorkerPulse } from './worker-pulse.js';

const IDLE = { realtime: 0, high: 0, normal: 0, low: 0 };

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('WorkerPulse', () => {
  it('tells each second how the worker is, within a tenth of one what runs anew, and at last that it is gone', () => {
    const told: [number, number][] = [];
    const gone: string[] = [];
    let running = IDLE;
    const worker = {
      get status() {
        const calls = { models: [], busyModels: [], served: [] };
        const status = { slots: 4, capacity: IDLE, runningByLane: running, ...calls };
        return status as unknown as WorkerStatus;
      },
    };
    const slots = { events: new EventEmitter<{ changed: [] }>() };
    const start = performance.now();
    const announce = ({ running: { low } }: WorkerBeat) => void told.push([performance.now() - start, low]);
    const beats = { announce, announceLeft: (name: string) => void gone.push(name) };
    const pulse = new WorkerPulse(worker, slots, beats, { newId: () => 'w' }, {});
    pulse.start();
    jest.advanceTimersByTime(2_000);
    expect(told).toEqual([
      [0, 0],
      [1_000, 0],
      [2_000, 0],
    ]);
    for (let low = 1; low <= 3; low += 1) {
      running = { ...IDLE, low };
      slots.events.emit('changed');
    }
    jest.advanceTimersByTime(1_100);
    expect(told.slice(3)).toEqual([
      [2_100, 3],
      [3_100, 3],
    ]);
    pulse.stop();
    slots.events.emit('changed');
    jest.advanceTimersByTime(5_000);
    expect([told.length, gone]).toEqual([5, ['w']]);
  });
});
