import { describe, expect, it } from '@jest/globals';
import { HeardWorkers } from './heard-workers.policy.js';

const TICKS = 4;

function ticked(workers: HeardWorkers, count: number, hearsItself = true): string[] {
  const gone = Array.from({ length: count }, () => workers.tick(hearsItself));
  return gone.flat().map(({ worker }) => worker);
}

describe('HeardWorkers', () => {
  it('tells once of a worker that was silent for its ticks, with what it said last', () => {
    const workers = new HeardWorkers(TICKS);
    workers.heard('a', ['old'], 0);
    workers.heard('a', ['new'], 7);
    workers.heard('b', [], 7);
    for (let tick = 1; tick < TICKS; tick += 1) {
      expect(workers.tick(true)).toEqual([]);
      workers.heard('b', [], 8);
    }
    expect(workers.tick(true)).toMatchObject([{ worker: 'a', replies: ['new'], heardAtMs: 7 }]);
    expect(ticked(workers, TICKS)).toEqual(['b']);
    expect(ticked(workers, TICKS)).toEqual([]);
  });

  it('takes nobody for gone while this process does not hear itself, and counts anew after that', () => {
    const workers = new HeardWorkers(TICKS);
    workers.heard('a', [], 0);
    expect(ticked(workers, TICKS - 1)).toEqual([]);
    expect(ticked(workers, 10 * TICKS, false)).toEqual([]);
    expect(ticked(workers, TICKS - 1)).toEqual([]);
    expect(ticked(workers, 1)).toEqual(['a']);
  });
});
