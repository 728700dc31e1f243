import { jest } from '@jest/globals';
import { CallCancelledError, CallOverdueError, RunningCalls } from './running-calls.js';
import { WorkerStoppingError } from './worker-stop.js';

let cancel: (messageId: string) => void;
const cancellations = {
  onAdded: (listener: (messageId: string) => void) => {
    cancel = listener;
    return () => {};
  },
};

describe('RunningCalls', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => jest.useRealTimers());

  it('aborts a call that outlives its time-out by the grace that endpoints have to end it themselves', () => {
    const calls = new RunningCalls(cancellations);
    const slow = calls.begin('a', 1_000);
    const patient = calls.begin('b', 60_000);
    jest.advanceTimersByTime(5_500);
    calls.abortOverdue();
    expect(slow.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1_000);
    calls.abortOverdue();
    expect(slow.signal.reason).toBeInstanceOf(CallOverdueError);
    expect(patient.signal.aborted).toBe(false);
  });

  it('forgets a call that ended, and aborts all others when the worker stops', () => {
    const calls = new RunningCalls(cancellations);
    const ended = calls.begin('a', 1_000);
    const running = calls.begin('a', 1_000);
    ended.end();
    expect(calls.size).toBe(1);
    calls.abortAll();
    expect(ended.signal.aborted).toBe(false);
    expect(running.signal.reason).toBeInstanceOf(WorkerStoppingError);
  });

  it('aborts what begins when the worker has stopped its calls already', () => {
    const calls = new RunningCalls(cancellations);
    calls.abortAll();
    expect(calls.begin('late', 1_000).signal.reason).toBeInstanceOf(WorkerStoppingError);
  });

  it('aborts every call of a cancelled message, and no other', () => {
    const calls = new RunningCalls(cancellations);
    const [first, again, other] = [calls.begin('a', 1_000), calls.begin('a', 1_000), calls.begin('b', 1_000)];
    cancel('a');
    expect(first.signal.reason).toBeInstanceOf(CallCancelledError);
    expect(again.signal.reason).toBeInstanceOf(CallCancelledError);
    expect(other.signal.aborted).toBe(false);
  });
});
