import { setImmediate as turn } from 'node:timers/promises';
import { OwnerReads } from './owner-reads.js';

it('reads for some followers at a time, and for all in the end', async () => {
  let running = 0;
  let most = 0;
  const open = async () => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
    return [];
  };
  const reads = new OwnerReads({ open, endedAfter: () => Promise.reject(new Error('away')) }, { warn() {} });
  const of = { tenant: 'red', userId: 'mia' };
  const failing = Array.from({ length: 5 }, () => reads.endedAfter(of, 0, 1).catch(() => 'failed'));
  const all = Array.from({ length: 20 }, () => reads.open(of, 0, 1));
  expect(await Promise.all(failing)).toEqual(Array(5).fill('failed'));
  expect(await Promise.all(all)).toHaveLength(20);
  expect(most).toBe(3);
  expect(running).toBe(0);
});

it('tells a failure that all meet once', () => {
  let warned = 0;
  const warn = () => {
    warned += 1;
  };
  const reads = new OwnerReads({} as never, { warn });
  for (let count = 0; count < 10; count += 1) reads.failed(new Error('away'));
  expect(warned).toBe(1);
});
