import fc from 'fast-check';
import { CHOICE_STRATEGIES, chooseEndpoint } from './choose-endpoint.policy.js';
import type { Candidate } from './strategy.policy.js';

const free: Candidate = { taken: 0, places: 4, weight: 1 };
const half: Candidate = { taken: 2, places: 4, weight: 1 };
const full: Candidate = { taken: 4, places: 4, weight: 1 };

const candidate = fc
  .record({ taken: fc.nat(20), places: fc.integer({ min: 1, max: 20 }) })
  .map(({ taken, places }) => ({ taken: Math.min(taken, places), places, weight: 1 }));

describe('chooseEndpoint', () => {
  it('gives null when every place is taken, and when there is no candidate', () => {
    for (const strategy of CHOICE_STRATEGIES) {
      expect(chooseEndpoint(strategy, [full, full], 3)).toBeNull();
      expect(chooseEndpoint(strategy, [], 0)).toBeNull();
    }
  });

  it('takes the least busy by share of places, not by number of calls', () => {
    const roomy: Candidate = { taken: 3, places: 30, weight: 1 };
    expect(chooseEndpoint('least_busy', [half, roomy, full], 0)).toEqual({
      index: 1,
      reason: 'least busy of 3 (3 of 30 places taken)',
    });
  });

  it('uses equally busy endpoints in turn', () => {
    const chosen = [0, 1, 2, 3].map((turn) => chooseEndpoint('least_busy', [free, free, free], turn)?.index);
    expect(chosen).toEqual([0, 1, 2, 0]);
  });

  it('goes round, past those without a free place', () => {
    const chosen = [0, 1, 2, 3].map((turn) => chooseEndpoint('round_robin', [half, full, free], turn)?.index);
    expect(chosen).toEqual([0, 2, 2, 0]);
  });

  it('says why', () => {
    expect(chooseEndpoint('round_robin', [half], 7)?.reason).toBe(
      'it is the only endpoint (2 of 4 places taken)',
    );
    expect(chooseEndpoint('round_robin', [half, full], 7)?.reason).toBe('only one of 2 with a free place');
    expect(chooseEndpoint('round_robin', [half, free], 7)?.reason).toBe('next in turn of 2');
  });

  it('never chooses a full endpoint, and always one when any has a place', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CHOICE_STRATEGIES),
        fc.array(candidate, { maxLength: 6 }),
        fc.nat(),
        (strategy, candidates, turn) => {
          const choice = chooseEndpoint(strategy, candidates, turn);
          const anyFree = candidates.some((each) => each.taken < each.places);
          if (choice === null) return !anyFree;
          const chosen = candidates[choice.index]!;
          return chosen.taken < chosen.places;
        },
      ),
    );
  });
});
