import { CHOICE_STRATEGIES, type ChoiceStrategy } from '../../../domain/choice-strategies.policy.js';
import { chooseEndpoint } from './choose-endpoint.policy.js';
import { type Candidate, NOTHING_CHOSEN } from './strategy.policy.js';

const CHOICES = 10_000;

function deployment(name: string, weight: number, also: Partial<Candidate> = {}): Candidate {
  return {
    ...{ name, taken: 0, places: 1_000_000, weight, group: 'primary', firstTokenEwmaMs: 100 },
    ...{ share: 1, healthy: true, ...also },
  };
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

/** The part of the choices that each gets. Calls last as long as `underWay` others are chosen after them. */
function parts(by: ChoiceStrategy, from: readonly Candidate[], underWay: number): Record<string, number> {
  const random = seeded(2463534242);
  const counts = new Map<string, number>();
  const calls: number[] = [];
  const now = from.map((each) => ({ ...each }));
  let state = NOTHING_CHOSEN;
  for (let n = 0; n < CHOICES; n += 1) {
    const choice = chooseEndpoint(by, now, state, random)!;
    state = choice.state;
    const { name } = from[choice.index]!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    now[choice.index]!.taken += 1;
    calls.push(choice.index);
    if (calls.length > underWay) now[calls.shift()!]!.taken -= 1;
  }
  return Object.fromEntries([...counts].map(([name, count]) => [name, count / CHOICES]));
}

function expectParts(actual: Record<string, number>, theory: Record<string, number>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(theory).sort());
  for (const [name, part] of Object.entries(theory)) {
    expect(Math.abs(actual[name]! - part)).toBeLessThanOrEqual(0.02);
  }
}

const equal = ['a', 'b', 'c', 'd'].map((name) => deployment(name, 1));
const weighted = [deployment('a', 5), deployment('b', 3), deployment('c', 2)];

describe('10,000 choices', () => {
  it.each(CHOICE_STRATEGIES)('go evenly to equal deployments: %s', (by) => {
    expectParts(parts(by, equal, 0), { a: 0.25, b: 0.25, c: 0.25, d: 0.25 });
    expectParts(parts(by, equal, 40), { a: 0.25, b: 0.25, c: 0.25, d: 0.25 });
  });

  it.each(['weighted_round_robin', 'weighted_random'] as const)('go by weight: %s', (by) => {
    expectParts(parts(by, weighted, 10), { a: 0.5, b: 0.3, c: 0.2 });
  });

  it.each(['least_connections', 'adaptive_load'] as const)('go by weight under load: %s', (by) => {
    expectParts(parts(by, weighted, 200), { a: 0.5, b: 0.3, c: 0.2 });
  });

  it.each(CHOICE_STRATEGIES)('leave the part of one that is ill to all the others alike: %s', (by) => {
    const from = [equal[0]!, { ...equal[1]!, healthy: false }, equal[2]!, equal[3]!];
    expectParts(parts(by, from, 40), { a: 1 / 3, c: 1 / 3, d: 1 / 3 });
  });

  it.each(['round_robin', 'weighted_random'] as const)('give one that comes back its share: %s', (by) => {
    const from = [deployment('a', 1), deployment('b', 1, { share: 0.1 })];
    expectParts(parts(by, from, 0), { a: 0.95, b: 0.05 });
  });

  it('hardly ever go to one that is ten times slower, with adaptive_load', () => {
    const from = [...equal.slice(1), deployment('slow', 1, { firstTokenEwmaMs: 1_000 })];
    expect(parts('adaptive_load', from, 20).slow ?? 0).toBeLessThan(0.02);
  });
});
