import fc from 'fast-check';
import { leftInUse } from './estate.policy.js';
import { claimed, EMPTY_LEDGER, free, without } from './share-ledger.policy.js';

describe('what a dead member leaves in use', () => {
  it('comes back as the minute of its calls ends, and what it did not use at once', () => {
    const ages = fc.array(fc.nat(10), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(ages, fc.integer({ min: 0, max: 5_000 }), (rpm, agoMs) => {
        const sum = rpm.reduce((all, each) => all + each, 0);
        const total = sum + 40;
        const full = claimed(EMPTY_LEDGER, { resource: 'rpm', member: 'a', units: total }, total, 0);
        const now = 1_000_000;
        const left = without(full, 'a', leftInUse(full, 'a', { rpm, tpm: [], agoMs }, now));
        expect(free(left, 'rpm', total, now)).toBe(Math.max(0, 40 - Math.ceil(total * 0.12) - 1));
        // Nothing that a call of the last minute used is free before its minute is over.
        for (const [age] of rpm.entries()) {
          const at = now - agoMs - age * 5_000 + 60_000;
          const younger = rpm.slice(0, age + 1).reduce((all, each) => all + each, 0);
          expect(free(left, 'rpm', total, at)).toBeLessThanOrEqual(total - younger);
        }
        expect(free(left, 'rpm', total, now + 62_001)).toBe(total);
      }),
    );
  });

  it('is everything that it had, for a minute, where it told nothing', () => {
    const full = claimed(EMPTY_LEDGER, { resource: 'tpm', member: 'a', units: 900 }, 900, 0);
    const left = without(full, 'a', leftInUse(full, 'a', null, 0));
    expect([free(left, 'tpm', 900, 61_000), free(left, 'tpm', 900, 62_001)]).toEqual([0, 900]);
  });
});
