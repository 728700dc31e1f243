import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { BatchingDelay, type ReadDemand } from './batching-delay.js';

class Readers implements ReadDemand {
  waiting = false;
  private listener: (sequence: number) => void = () => {};

  onWaiting(listener: (sequence: number) => void): void {
    this.listener = listener;
  }

  come(): void {
    this.waiting = true;
    this.listener(1);
  }
}

const LONG_MS = 60_000;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** By a clock that goes on only while this waits. */
async function msOf(pause: Promise<void>): Promise<number> {
  const started = performance.now();
  let ended: number | null = null;
  void pause.then(() => {
    ended = performance.now();
  });
  for (;;) {
    await jest.advanceTimersByTimeAsync(0);
    if (ended !== null) return ended - started;
    await jest.advanceTimersByTimeAsync(10);
  }
}

it('lasts its time when nobody waits', async () => {
  expect(await msOf(new BatchingDelay(30, new Readers()).pause())).toBe(30);
});

it('does not begin while somebody waits', async () => {
  const readers = new Readers();
  readers.waiting = true;
  expect(await msOf(new BatchingDelay(LONG_MS, readers).pause())).toBe(0);
});

it('ends when a reader comes', async () => {
  const readers = new Readers();
  const pause = new BatchingDelay(LONG_MS, readers).pause();
  readers.come();
  expect(await msOf(pause)).toBe(0);
});

it('keeps a little apart what readers make it write, and no more than that', async () => {
  const readers = new Readers();
  const delay = new BatchingDelay(LONG_MS, readers, 2_000);
  readers.come();
  expect(await msOf(delay.pause())).toBe(0);
  expect(await msOf(delay.pause())).toBe(2_000);
  readers.waiting = false;
  const pause = delay.pause();
  await jest.advanceTimersByTimeAsync(500);
  readers.come();
  expect(await msOf(pause)).toBe(1_500);
});

it('ends when enough has come, and begins anew', async () => {
  const delay = new BatchingDelay(LONG_MS, new Readers());
  for (let round = 0; round < 2; round += 1) {
    const pause = delay.pause();
    delay.enough();
    await pause;
  }
  delay.enough();
});
