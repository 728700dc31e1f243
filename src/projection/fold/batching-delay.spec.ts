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

async function msOf(pause: Promise<void>): Promise<number> {
  const started = performance.now();
  await pause;
  return performance.now() - started;
}

it('lasts its time when nobody waits', async () => {
  expect(await msOf(new BatchingDelay(30, new Readers()).pause())).toBeGreaterThan(25);
});

it('does not begin while somebody waits', async () => {
  const readers = new Readers();
  readers.waiting = true;
  expect(await msOf(new BatchingDelay(LONG_MS, readers).pause())).toBeLessThan(20_000);
});

it('ends when a reader comes', async () => {
  const readers = new Readers();
  const pause = new BatchingDelay(LONG_MS, readers).pause();
  readers.come();
  expect(await msOf(pause)).toBeLessThan(20_000);
});

it('keeps a little apart what readers make it write, and no more than that', async () => {
  const readers = new Readers();
  const delay = new BatchingDelay(LONG_MS, readers, 2_000);
  readers.come();
  expect(await msOf(delay.pause())).toBeLessThan(1_500);
  expect(await msOf(delay.pause())).toBeGreaterThan(1_990);
  readers.waiting = false;
  const pause = delay.pause();
  readers.come();
  expect(await msOf(pause)).toBeGreaterThan(500);
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
