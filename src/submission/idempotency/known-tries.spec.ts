import { describe, expect, it } from '@jest/globals';
import { KnownTries } from './known-tries.js';

const HOUR = 3_600_000;

describe('KnownTries', () => {
  it('finds the newest message of a request, for its time', () => {
    const tries = new KnownTries(1_000);
    tries.add({ digest: 'a', messageId: 'one' }, 0);
    tries.add({ digest: 'a', messageId: 'two' }, 500);
    expect(tries.find('a', 1_499)).toBe('two');
    expect(tries.find('a', 1_500)).toBeNull();
    expect(tries.find('b', 0)).toBeNull();
    tries.add({ digest: 'a', messageId: 'heard late' }, 400);
    expect(tries.find('a', 600)).toBe('two');
  });

  it('forgets what was taken back', () => {
    const tries = new KnownTries(HOUR);
    tries.add({ digest: 'a', messageId: 'one' }, 0);
    tries.add({ digest: 'a', messageId: null }, 1);
    expect(tries.find('a', 2)).toBeNull();
  });

  it('keeps so many at most, and none beyond its time', () => {
    const tries = new KnownTries(1_000, 3);
    for (let at = 0; at < 10; at += 1) tries.add({ digest: `${at}`, messageId: 'm' }, at);
    expect(tries.size).toBe(3);
    expect([tries.find('6', 10), tries.find('7', 10)]).toEqual([null, 'm']);
    tries.add({ digest: 'late', messageId: 'm' }, 5_000);
    expect(tries.size).toBe(1);
  });
});
