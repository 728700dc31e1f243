import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { systemSources } from '../../platform/clock.js';
import type { QueueFigures } from '../../projection/read/queue-figures.js';
import { QueueStats } from './queue-stats.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** The cache looks at its clock at most once in a millisecond. */
const clockIsRead = () => sleep(5);

/** Statistics over figures that count how often they are read, and what fails while `away`. */
function counting() {
  const reads = { count: 0, away: false };
  const span = async () => {
    reads.count += 1;
    if (reads.away) throw new Error('away');
    return [];
  };
  const stats = new QueueStats(
    { span, totals: async () => new Map() } as unknown as QueueFigures,
    systemSources,
  );
  return { reads, stats };
}

describe('QueueStats', () => {
  it('reads once for the time, by tenant and range, however many ask', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const { reads, stats } = counting();
    const [one, other] = await Promise.all([stats.of('red', '1h'), stats.of('red', '1h')]);
    expect(other).toBe(one);
    expect(reads.count).toBe(1);
    await stats.of('blue', '1h');
    await stats.of('red', '6h');
    expect(reads.count).toBe(3);
    clock.mockReturnValue(3_000);
    await clockIsRead();
    expect(await stats.of('red', '1h')).toBe(one);
    clock.mockReturnValue(3_001);
    await clockIsRead();
    expect(await stats.of('red', '1h')).not.toBe(one);
    expect(reads.count).toBe(4);
  });

  it('reads again after a failure', async () => {
    const { reads, stats } = counting();
    reads.away = true;
    await expect(stats.of('red', '1h')).rejects.toThrow('away');
    reads.away = false;
    await expect(stats.of('red', '1h')).resolves.toMatchObject({ figures: [] });
  });
});
