import { OnceAWhile } from './once-a-while.js';

describe('OnceAWhile', () => {
  it('asks once for the time, by key, and again after it or after a failure', async () => {
    let now = 0;
    let asked = 0;
    const cache = new OnceAWhile<number>(() => now);
    const ask = async () => {
      asked += 1;
      return asked;
    };
    expect(await Promise.all([cache.get('a', 100, ask), cache.get('a', 100, ask)])).toEqual([1, 1]);
    expect(await cache.get('b', 100, ask)).toBe(2);
    now = 99;
    expect(await cache.get('a', 100, ask)).toBe(1);
    now = 100;
    expect(await cache.get('a', 100, ask)).toBe(3);
    await expect(cache.get('c', 100, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await cache.get('c', 100, ask)).toBe(4);
  });
});
