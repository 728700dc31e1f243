import fc from 'fast-check';
import {
  claimed,
  EMPTY_LEDGER,
  free,
  handed,
  type Ledger,
  membersOf,
  type Resource,
  toGive,
  unitsOf,
  usable,
  without,
} from './share-ledger.policy.js';

const member = fc.constantFrom('a', 'b', 'c', 'd');
const resource = fc.constantFrom<Resource>('places', 'rpm', 'tpm');
const step = fc.oneof(
  fc.record({ kind: fc.constant('claim' as const), resource, member, units: fc.nat(30) }),
  fc.record({ kind: fc.constant('hand' as const), resource, from: member, to: member, units: fc.nat(30) }),
  fc.record({ kind: fc.constant('bury' as const), member }),
);

function after(
  ledger: Ledger,
  each: typeof step extends fc.Arbitrary<infer T> ? T : never,
  total: number,
  now: number,
) {
  if (each.kind === 'claim') return claimed(ledger, each, total, now);
  if (each.kind === 'hand') return handed(ledger, each);
  const used = (['rpm', 'tpm'] as const).map((kind) => ({
    ...{ resource: kind, units: unitsOf(ledger, kind, each.member), atMs: now + 60 },
  }));
  return without(ledger, each.member, used);
}

describe('a ledger of shares', () => {
  it('never gives out more than there is, whoever takes, hands on or dies', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 60 }), (total, steps) => {
        let ledger = EMPTY_LEDGER;
        for (const [now, each] of steps.entries()) {
          ledger = after(ledger, each, total, now);
          for (const kind of ['places', 'rpm', 'tpm'] as const) {
            const given = membersOf(ledger).reduce((sum, who) => sum + unitsOf(ledger, kind, who), 0);
            const away = ledger.returning.reduce(
              (sum, back) => sum + (back.resource === kind && back.atMs > now ? back.units : 0),
              0,
            );
            expect(given + away).toBeLessThanOrEqual(total);
            expect(free(ledger, kind, total, now)).toBe(total - given - away);
          }
        }
      }),
    );
  });

  it('lets nobody use more than there is when the limit becomes smaller', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), fc.nat(40), (shares, total) => {
        const places = Object.fromEntries(shares.map((units, at) => [`m${at}`, units]));
        const ledger = { ...EMPTY_LEDGER, shares: { ...EMPTY_LEDGER.shares, places } };
        const sum = Object.keys(places).reduce((all, who) => all + usable(ledger, 'places', who, total), 0);
        expect(sum).toBeLessThanOrEqual(Math.max(total, 0));
      }),
    );
  });

  it('gives the units of a dead member back at once, and those of a minute after it', () => {
    const full = claimed(
      claimed(EMPTY_LEDGER, { resource: 'places', member: 'a', units: 8 }, 8, 0),
      {
        ...{ resource: 'rpm', member: 'a', units: 60 },
      },
      60,
      0,
    );
    const left = without(full, 'a', [{ resource: 'rpm', units: 60, atMs: 60_000 }]);
    expect([free(left, 'places', 8, 1), free(left, 'rpm', 60, 1), free(left, 'rpm', 60, 60_000)]).toEqual([
      8, 0, 60,
    ]);
  });

  it('hands what is idle to who needs it, and evens out among those who all need more', () => {
    const asked = { units: 1, idle: 8, share: 8, total: 8, needing: 2, needsToo: false };
    expect(toGive(asked)).toBe(4);
    expect(toGive({ ...asked, units: 6 })).toBe(6);
    expect(toGive({ ...asked, needsToo: true, idle: 1 })).toBe(1);
    expect(toGive({ ...asked, needsToo: true, share: 4 })).toBe(0);
    expect(toGive({ ...asked, needsToo: true, needing: 4, share: 3, total: 8, idle: 2 })).toBe(1);
    expect(toGive({ ...asked, idle: 0 })).toBe(0);
  });
});

it('has units back that were put away before the clock was set back', () => {
  const HOUR_MS = 3_600_000;
  const ledger: Ledger = {
    ...EMPTY_LEDGER,
    returning: [{ resource: 'rpm', units: 5, atMs: 2 * HOUR_MS + 60_000 }],
  };
  expect(free(ledger, 'rpm', 5, 2 * HOUR_MS)).toBe(0);
  expect(free(ledger, 'rpm', 5, HOUR_MS)).toBe(5);
  const taken = claimed(ledger, { resource: 'rpm', member: 'a', units: 5 }, 5, HOUR_MS);
  expect([unitsOf(taken, 'rpm', 'a'), taken.returning]).toEqual([5, []]);
});
