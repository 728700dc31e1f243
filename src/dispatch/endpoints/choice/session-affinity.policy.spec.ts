import fc from 'fast-check';
import { chooseEndpoint } from './choose-endpoint.policy.js';
import { type Candidate, loadOf, NOTHING_CHOSEN } from './strategy.policy.js';

const SESSIONS = 10_000;

function deployment(name: string, also: Partial<Candidate> = {}): Candidate {
  return {
    ...{ name, taken: 0, places: 100, weight: 1, group: 'primary', firstTokenEwmaMs: null },
    ...{ share: 1, healthy: true, ...also },
  };
}

const named = (count: number) => Array.from({ length: count }, (_, n) => deployment(`gpu-${n}`));

function homeOf(session: string, from: readonly Candidate[]): string | null {
  const choice = chooseEndpoint('round_robin', from, NOTHING_CHOSEN, Math.random, session);
  return choice === null ? null : from[choice.index]!.name;
}

function homes(from: readonly Candidate[]): (string | null)[] {
  return Array.from({ length: SESSIONS }, (_, n) => homeOf(`conversation-${n}`, from));
}

const count = (all: readonly unknown[], one: unknown) => all.filter((each) => each === one).length;

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 2, maxLength: 10 });
const session = fc.string({ maxLength: 40 });

describe('session affinity', () => {
  it('gives a session the same endpoint whatever the order, the turn and chance', () => {
    fc.assert(
      fc.property(names, session, fc.nat(), (all, stays, turn) => {
        const from = all.map((name) => deployment(name));
        const other = chooseEndpoint(
          'weighted_random',
          from.toReversed(),
          { turn, credits: [] },
          () => 0,
          stays,
        );
        expect(from.toReversed()[other!.index]!.name).toBe(homeOf(stays, from));
      }),
    );
  });

  it('moves a session only to the one that joins, or from the one that leaves', () => {
    fc.assert(
      fc.property(names, session, (all, stays) => {
        const [joining, ...before] = all.map((name) => deployment(name));
        const without = homeOf(stays, before);
        const withIt = homeOf(stays, [joining!, ...before]);
        expect([without, joining!.name]).toContain(withIt);
      }),
    );
  });

  it.each([2, 4, 10])('moves at most 1 of n sessions when one of %d joins or leaves', (n) => {
    const before = homes(named(n - 1));
    const after = homes(named(n));
    const moved = before.filter((home, index) => home !== after[index]).length;
    expect(moved / SESSIONS).toBeLessThanOrEqual(1 / n + 0.02);
    expect(count(after, `gpu-${n - 1}`)).toBe(moved);
  });

  it('spreads sessions evenly, and by weight', () => {
    const even = homes(named(4));
    for (const { name } of named(4)) expect(Math.abs(count(even, name) / SESSIONS - 0.25)).toBeLessThan(0.02);
    const weighted = homes([deployment('a', { weight: 5 }), deployment('b', { weight: 3 }), deployment('c')]);
    expect(Math.abs(count(weighted, 'a') / SESSIONS - 5 / 9)).toBeLessThan(0.02);
    expect(Math.abs(count(weighted, 'b') / SESSIONS - 3 / 9)).toBeLessThan(0.02);
  });

  it('moves a session only while its endpoint is ill, full or above 1.25 times the mean load', () => {
    const state = fc.record({ taken: fc.nat(10), healthy: fc.boolean() });
    fc.assert(
      fc.property(fc.array(state, { minLength: 2, maxLength: 8 }), session, (states, stays) => {
        const places = 10;
        const idle = states.map((_, n) => deployment(`gpu-${n}`, { places }));
        const from = idle.map((each, n) => ({ ...each, ...states[n] }));
        const home = from.find(({ name }) => name === homeOf(stays, idle))!;
        const now = homeOf(stays, from);
        const healthy = from.filter((each) => each.healthy);
        const mean = healthy.reduce((sum, each) => sum + loadOf(each), 0) / healthy.length;
        const mayStay = home.healthy && home.taken < places && loadOf(home) <= 1.25 * mean + 1e-9;
        if (mayStay) expect(now).toBe(home.name);
        else if (home.healthy && loadOf(home) > 1.25 * mean + 1e-9) expect(now).not.toBe(home.name);
      }),
    );
  });

  it('leaves a session at just 1.25 times the mean load, whatever is lost in fractions', () => {
    const at = (taken: readonly number[]) =>
      taken.map((each, n) => deployment(`gpu-${n}`, { places: 10, taken: each }));
    const home = homeOf('', at([0, 0, 0, 0, 0]));
    expect(home).toBe('gpu-0');
    expect(homeOf('', at([9, 6, 9, 7, 5]))).toBe(home);
    expect(homeOf('', at([9, 6, 9, 7, 4]))).not.toBe(home);
  });

  it('moves back when its endpoint is well again, each session once as the share rises', () => {
    const [first, ...others] = named(4);
    const at = (share: number) => homes([{ ...first!, share }, ...others]);
    const steps = [0, 0.1, 0.5, 1].map(at);
    for (let step = 1; step < steps.length; step += 1) {
      const stayed = steps[step - 1]!.map((home, n) => home !== 'gpu-0' || steps[step]![n] === 'gpu-0');
      expect(stayed.every(Boolean)).toBe(true);
    }
    expect(count(steps[0]!, 'gpu-0')).toBe(0);
    expect(Math.abs(count(steps[2]!, 'gpu-0') / SESSIONS - 0.125)).toBeLessThan(0.02);
  });

  it('says where the session is, and why not there', () => {
    const from = named(2);
    const reason = (of: Candidate[]) =>
      chooseEndpoint('round_robin', of, NOTHING_CHOSEN, () => 0, 's')?.reason;
    const home = homeOf('s', from);
    expect(reason(from)).toBe('where its session is (0 of 100 places taken)');
    const busy = [
      ...from.map((each) => (each.name === home ? { ...each, taken: 50 } : each)),
      deployment('x'),
    ];
    expect(reason(busy)).toMatch(
      /^instead of gpu-\d, where its session is too busy \(0 of 100 places taken\)$/,
    );
  });
});
