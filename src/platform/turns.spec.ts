import { setImmediate as settled } from 'node:timers/promises';
import { Turns } from './turns.js';

it('lets so many work at once, and the others in their order, whether or not work fails', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: ((fails: boolean) => void)[] = [];
  const all = [0, 1, 2, 3, 4].map((at) =>
    turns
      .take(() => {
        begun.push(at);
        return new Promise<number>((resolve, reject) => {
          ends.push((fails) => (fails ? reject(new Error('no')) : resolve(at)));
        });
      })
      .catch(() => -1),
  );
  expect(begun).toEqual([0, 1]);
  for (const at of [0, 1, 2, 3, 4]) {
    ends[at]!(at === 1);
    await settled();
    expect(begun).toEqual([0, 1, 2, 3, 4].slice(0, at + 3));
  }
  expect(await Promise.all(all)).toEqual([0, -1, 2, 3, 4]);
  expect(await turns.take(async () => 'again')).toBe('again');
});
