import { spawnSync } from 'node:child_process';
import { threadFile } from './thread-file.js';

/** Objects that live through some collections of the young generation, as messages under load do, above 35 MiB that stay. */
const CHURN = `
  const { getHeapStatistics } = await import('node:v8');
  const numbers = () => Array.from({ length: 100 }, (_, index) => index + 0.5);
  const staying = Array.from({ length: 40_000 }, numbers);
  const passing = [];
  let peak = 0;
  for (let made = 0; made < 300_000; made += 1) {
    passing.push(numbers());
    if (passing.length > 40_000) passing.splice(0, 20_000);
    if (made % 500 === 0) peak = Math.max(peak, getHeapStatistics().total_heap_size);
  }
  console.log(Math.round(peak / 2 ** 20), staying.length);
`;

function peakMiB(before: string): number {
  const args = ['--input-type=module', '--eval', `${before}\n${CHURN}`];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return Number(stdout.split(' ')[0]);
}

describe('the heaps of a process of the service', () => {
  it('hold far less garbage than V8 would let them', () => {
    const heap = threadFile(import.meta.url, './heap.js').href;
    const small = peakMiB(`(await import(${JSON.stringify(heap)})).keepHeapsSmall();`);
    expect(small).toBeGreaterThan(35);
    expect(small).toBeLessThan(0.7 * peakMiB(''));
  });
});
