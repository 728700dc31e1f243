import {
  type LoadMemory,
  NO_MEMORY,
  outlastsTheBursts,
  rememberedLoad,
  withoutThePast,
} from './load-memory.policy.js';
import { NO_REPLAY, replay, SIZES, sizeFor } from './replayed-sizes.policy.js';
import { eachLane, NO_SLOTS, totalOf } from './slots-by-lane.policy.js';

const TARGETS = { realtime: 1_000, high: 3_000, normal: 10_000, low: 60_000 };
const memoryOf = (loads: readonly number[]): LoadMemory => ({
  ...NO_MEMORY,
  bins: loads.map((load) => ({ ...NO_SLOTS, normal: load })),
});
const times = (count: number, ...loads: number[]) => Array.from({ length: count }, () => loads).flat();

/** Messages of ten slot seconds each, in `normal`. */
function replayed(perSecondAt: (second: number) => number, seconds: number) {
  let sizes = NO_REPLAY;
  for (let second = 0; second < seconds; second += 1) {
    const messages = { ...NO_SLOTS, normal: perSecondAt(second) };
    const slotSeconds = eachLane((lane) => messages[lane] * 10);
    sizes = replay(sizes, { elapsedMs: 1_000, messages, slotSeconds }, TARGETS, 900_000);
  }
  return sizes;
}

describe('the size that the past would have needed', () => {
  it('is the load, where it comes evenly', () => {
    expect(
      sizeFor(
        0.98,
        replayed(() => 1, 600),
      ),
    ).toBe(10);
  });

  it('is as much above the mean of bursts as the wait target asks', () => {
    // 200 slot seconds come in ten seconds of each minute, and may wait for ten more: ten slots do them in twenty.
    const bursts = sizeFor(
      0.98,
      replayed((second) => (second % 60 < 10 ? 2 : 0), 1_800),
    );
    expect(bursts).toBeGreaterThanOrEqual(9);
    expect(bursts).toBeLessThanOrEqual(11);
  });

  it('is less where more messages may be late', () => {
    const bursts = replayed((second) => (second % 600 < 10 ? 8 : 1), 1_800);
    expect(sizeFor(0.7, bursts)).toBeLessThan(sizeFor(0.98, bursts));
  });

  it('is the largest one where none would have been enough', () => {
    expect(
      sizeFor(
        0.98,
        replayed(() => 1_000_000, 30),
      ),
    ).toBe(SIZES.at(-1));
  });
});

describe('what is forgotten', () => {
  it('is a load that fell below all that is remembered, and stayed there', () => {
    const fallen = withoutThePast(memoryOf([...times(20, 30, 33), ...times(12, 8)]));
    expect(fallen.bins).toHaveLength(12);
    expect(totalOf(rememberedLoad(fallen)!.mean)).toBe(8);
  });

  it('is nothing while it has not stayed long, or where such lulls are usual', () => {
    const [short, usual] = [
      memoryOf([...times(20, 30, 33), ...times(11, 8)]),
      memoryOf([...times(20, 30, 0), ...times(12, 0)]),
    ];
    expect(withoutThePast(short)).toBe(short);
    expect(withoutThePast(usual)).toBe(usual);
  });
});

describe('a load above the usual one', () => {
  const calm = times(20, 5);

  it('is news where no bursts are remembered', () => {
    expect(outlastsTheBursts(memoryOf(calm))).toBe(true);
  });

  it('is a burst like others, until it lasts longer than they did', () => {
    const bursts = [...calm, 20, 20, 5, 5, 20, 5];
    expect(outlastsTheBursts(memoryOf([...bursts, 20, 20]))).toBe(false);
    expect(outlastsTheBursts(memoryOf([...bursts, 20, 20, 20]))).toBe(true);
  });
});

it('tells nothing of less than a minute', () => {
  expect(rememberedLoad(memoryOf([1, 2, 3]))).toBeNull();
});
