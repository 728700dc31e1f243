import { jest } from '@jest/globals';
import { CallOverdueError, RunningCalls } from './running-calls.js';
import { WorkerStoppingError } from './worker-stopping.error.js';

describe('RunningCalls', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => jest.useRealTimers());

  it('aborts a call that outlives its time-out by the grace that endpoints have to end it themselves', () => {
    const calls = new RunningCalls();
    const slow = calls.begin(1_000);
    const patient = calls.begin(60_000);
    jest.advanceTimersByTime(5_500);
    calls.abortOverdue();
    expect(slow.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1_000);
    calls.abortOverdue();
    expect(slow.signal.reason).toBeInstanceOf(CallOverdueError);
    expect(patient.signal.aborted).toBe(false);
  });

  it('forgets a call that ended, and aborts all others when the worker stops', () => {
    const calls = new RunningCalls();
    const ended = calls.begin(1_000);
    const running = calls.begin(1_000);
    ended.end();
    expect(calls.size).toBe(1);
    calls.abortAll();
    expect(ended.signal.aborted).toBe(false);
    expect(running.signal.reason).toBeInstanceOf(WorkerStoppingError);
  });
});
