import type { ChoiceStrategy } from '../../../domain/choice-strategies.policy.js';
import { NO_TIMES, peakAt, timed } from '../health/first-token.policy.js';
import { chooseEndpoint } from './choose-endpoint.policy.js';
import { NOTHING_CHOSEN } from './strategy.policy.js';

const CALLS = 2_000;
/** Until each endpoint is known. */
const WARM_UP = 200;
const SLOWER = 10;

interface Load {
  /** Of a fast endpoint, in milliseconds; what is measured is up to a fifth longer. */
  readonly firstMs: number;
  readonly totalMs: number;
  readonly atOnce: number;
  /** By chance, with so many of a thousand calls, everything stands still for as long as a first piece takes twice. */
  readonly stalls?: number;
}

/** Marsaglia's xorshift, so that a failure can be seen again. */
function seeded(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

/** The first pieces of a closed loop in a time of its own, over four endpoints of which one is slow; p99. */
function p99Of(by: ChoiceStrategy, { firstMs, totalMs, atOnce, stalls = 0 }: Load): number {
  const random = seeded(2463534242);
  const endpoints = [SLOWER, 1, 1, 1].map((factor) => ({ factor, taken: 0, times: NO_TIMES }));
  const underWay: { readonly atMs: number; readonly end: () => void }[] = [];
  const firsts: number[] = [];
  let [state, nowMs, stalledUntilMs] = [NOTHING_CHOSEN, 0, 0];
  const begin = () => {
    const candidates = endpoints.map(({ taken, times }, at) => ({
      ...{ name: `e${at}`, taken, places: 64, weight: 1, group: 'primary' as const, share: 1, healthy: true },
      firstTokenEwmaMs: peakAt(times, nowMs),
    }));
    const choice = chooseEndpoint(by, candidates, state, random)!;
    state = choice.state;
    const chosen = endpoints[choice.index]!;
    chosen.taken += 1;
    if (random() < stalls / 1_000) stalledUntilMs = nowMs + 2 * firstMs;
    const alone = firstMs * chosen.factor * (1 + random() / 5);
    const took = Math.max(alone, stalledUntilMs - nowMs);
    const restMs = (totalMs - firstMs) * chosen.factor;
    underWay.push({
      atMs: nowMs + took + restMs,
      end: () => {
        chosen.taken -= 1;
        chosen.times = timed(chosen.times, took, nowMs);
        firsts.push(took);
      },
    });
  };
  for (let at = 0; at < atOnce; at += 1) begin();
  while (firsts.length < WARM_UP + CALLS) {
    underWay.sort((one, other) => other.atMs - one.atMs);
    const next = underWay.pop()!;
    nowMs = next.atMs;
    next.end();
    begin();
  }
  const sorted = firsts.slice(WARM_UP).sort((one, other) => one - other);
  return sorted[Math.ceil(CALLS * 0.99) - 1]!;
}

describe('with one of four endpoints ten times slower', () => {
  it.each<[string, Load]>([
    ['short calls', { firstMs: 100, totalMs: 140, atOnce: 16 }],
    ['few at once', { firstMs: 100, totalMs: 140, atOnce: 4 }],
    ['some that everything delays', { firstMs: 100, totalMs: 140, atOnce: 16, stalls: 2 }],
    ['long answers', { firstMs: 400, totalMs: 5_000, atOnce: 16 }],
    ['few long answers', { firstMs: 400, totalMs: 5_000, atOnce: 4 }],
    ['many long answers', { firstMs: 400, totalMs: 5_000, atOnce: 40 }],
  ])('adaptive_load has first pieces, p99, in a third of the time of round_robin: %s', (_what, load) => {
    expect(p99Of('adaptive_load', load)).toBeLessThanOrEqual(p99Of('round_robin', load) / 3);
  });
});
