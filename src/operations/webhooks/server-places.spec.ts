import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Place, ServerPlaces } from './server-places.js';

const MOST_OF_TENANT = 20;

function places() {
  const clock = { ms: 0 };
  return { clock, places: new ServerPlaces(() => clock.ms, MOST_OF_TENANT) };
}

function taken(entered: (Place | number)[]): Place[] {
  return entered.filter((place): place is Place => typeof place !== 'number');
}

const enter = (from: ServerPlaces, name: string, times: number, tenant = 'red') =>
  Array.from({ length: times }, () => from.enter(tenant, name));

describe('the places of a server', () => {
  it('are two before it has answered, then eight, and of another server others', () => {
    const { places: all } = places();
    const first = taken(enter(all, 'https://a', 20));
    expect(first).toHaveLength(2);
    for (const place of first) place.leave(true, 10);
    expect(taken(enter(all, 'https://a', 20))).toHaveLength(8);
    expect(taken(enter(all, 'https://b', 20))).toHaveLength(2);
  });

  it('are of one tenant only a part, over however many servers', () => {
    const { places: all } = places();
    const held = Array.from({ length: 50 }, (_, at) => taken(enter(all, `https://a${at}`, 3))).flat();
    expect(held).toHaveLength(MOST_OF_TENANT);
    expect(taken(enter(all, 'https://a0', 1, 'blue'))).toHaveLength(0);
    expect(taken(enter(all, 'https://b', 1, 'blue'))).toHaveLength(1);
    held[0]!.leave(false, 15_000);
    expect(taken(enter(all, 'https://c', 3))).toHaveLength(1);
  });

  it('are one after a failure or a slow answer, and eight again after a good one', () => {
    const { places: all } = places();
    for (const [wasTaken, durationMs] of [
      [false, 1],
      [true, 5_000],
    ] as const) {
      taken([all.enter('red', 'a')])[0]!.leave(wasTaken, durationMs);
      const [only, ...more] = taken(enter(all, 'a', 5));
      expect(more).toEqual([]);
      only!.leave(true, 10);
      const eight = taken(enter(all, 'a', 20));
      expect(eight).toHaveLength(8);
      for (const place of eight) place.leave(true, 10);
    }
  });

  it('are given to those who come too late in a line: each further one later, by the pace of the server', () => {
    const { places: all } = places();
    taken([all.enter('red', 'a')])[0]!.leave(false, 15_000);
    all.enter('red', 'a');
    const delays = enter(all, 'a', 100).map((delay) => delay as number);
    expect(delays.every((delay) => delay >= 1_000 && delay <= 600_000)).toBe(true);
    expect(delays).toEqual([...delays].sort((one, other) => one - other));
    // About 3.4 s each: the mean of a first guess and one slow answer.
    expect(delays[10]! - delays[5]!).toBeCloseTo(5 * 3_400, -3);
    expect(delays.at(-1)).toBeGreaterThan(300_000);
  });

  it('never hold more at once than there are, however they are left', () => {
    const step = fc.oneof(
      fc.constant('enter' as const),
      fc.record({ wasTaken: fc.boolean(), durationMs: fc.nat(20_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { places: all } = places();
        const held: Place[] = [];
        for (const each of steps) {
          if (each === 'enter') held.push(...taken([all.enter('red', 'a')]));
          else held.shift()?.leave(each.wasTaken, each.durationMs);
          expect(held.length).toBeLessThanOrEqual(8);
        }
        for (const place of held.splice(0)) place.leave(true, 1);
        expect(taken(enter(all, 'a', 1))).toHaveLength(1);
      }),
    );
  });
});
