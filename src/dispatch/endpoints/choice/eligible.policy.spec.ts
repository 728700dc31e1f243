import fc from 'fast-check';
import { freePlacesOf, serving } from './eligible.policy.js';
import type { Candidate } from './strategy.policy.js';

const one: Candidate = {
  ...{ name: 'one', taken: 0, places: 4, weight: 1, group: 'primary' },
  ...{ firstTokenEwmaMs: null, share: 1, healthy: true },
};
const full = { ...one, taken: 4 };
const returning = { ...one, share: 0.1 };
const backup = { ...one, group: 'backup' as const };
const candidate = fc
  .record({
    ...{ taken: fc.nat(5), places: fc.nat(5), share: fc.constantFrom(0, 0.5, 1), healthy: fc.boolean() },
    group: fc.constantFrom('primary' as const, 'backup' as const),
  })
  .map((some) => ({ ...one, ...some }));

const inTurn = (candidates: Candidate[]) => serving(candidates, () => true);
const passedOver = (candidates: Candidate[]) => serving(candidates, () => false);

describe('who can take a call', () => {
  it('counts a place for a call exactly when somebody can take one, unless one that comes back must wait', () => {
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 6 }), fc.boolean(), (candidates, draw) => {
        const { free } = serving(candidates, () => draw);
        const places = freePlacesOf(candidates);
        if (free.length > 0) expect(places).toBeGreaterThan(0);
        if (candidates.every(({ share }) => share === 1)) expect(places > 0).toBe(free.length > 0);
      }),
    );
  });

  it('counts all places of those who may serve', () => {
    expect(freePlacesOf([one, full, { ...one, taken: 3 }, backup])).toBe(5);
    expect(freePlacesOf([{ ...one, healthy: false }, backup])).toBe(4);
    // More calls than places, after these became fewer.
    expect(freePlacesOf([{ ...one, taken: 9 }])).toBe(0);
  });

  it('lets one that comes back wait for its turn while another can serve, and no call wait for that', () => {
    expect(passedOver([returning, one]).free).toEqual([1]);
    expect(inTurn([returning, one]).free).toEqual([0, 1]);
    expect(passedOver([returning, full]).free).toEqual([0]);
    expect(passedOver([returning]).free).toEqual([0]);
  });

  it('leaves to backups what the only primary does not take yet', () => {
    expect(passedOver([returning, backup]).free).toEqual([1]);
    expect(inTurn([returning, backup]).free).toEqual([0]);
    expect(passedOver([returning, { ...backup, taken: 4 }]).free).toEqual([0]);
    expect(inTurn([full, backup])).toEqual({ members: [0], free: [] });
  });
});
