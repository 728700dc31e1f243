import fc from 'fast-check';
import {
  changed,
  type EndpointChange,
  type EndpointState,
  hasFreePlace,
  isGone,
  placeFreed,
  placesOffered,
  placeTaken,
  plainOffer,
  registered,
} from './endpoint.state.js';

const settings = fc.record({
  models: fc.array(fc.constantFrom('a', 'b', 'c').map(plainOffer), { minLength: 1 }),
  places: fc.nat(5),
  weight: fc.integer({ min: 1, max: 10 }),
  group: fc.constantFrom('primary' as const, 'backup' as const),
  ...{ rpm: fc.constant(null), tpm: fc.constant(null) },
});
const change: fc.Arbitrary<EndpointChange> = fc.oneof(
  fc.record({
    kind: fc.constant('settings' as const),
    settings: fc.record({ places: fc.nat(5), weight: fc.nat(5) }),
  }),
  fc.record({ kind: fc.constantFrom('drain' as const, 'undrain' as const) }),
  fc.record({ kind: fc.constant('remove' as const) }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('take' as const, 'free' as const) },
  { weight: 1, arbitrary: change },
);

function after(state: EndpointState, next: 'take' | 'free' | EndpointChange): EndpointState {
  if (next === 'take') return hasFreePlace(state) ? placeTaken(state) : state;
  if (next === 'free') return state.taken > 0 ? placeFreed(state) : state;
  return changed(state, next);
}

describe('an endpoint that changes while calls run', () => {
  it('never cuts a call and never counts below nothing or beyond what it offered when a call began', () => {
    fc.assert(
      fc.property(settings, fc.array(step, { maxLength: 100 }), (offered, steps) => {
        let state = registered('one', offered);
        for (const next of steps) {
          const before = state;
          state = after(before, next);
          expect(state.taken).toBeGreaterThanOrEqual(0);
          if (typeof next === 'object') expect(state.taken).toBe(before.taken);
          if (state.taken > before.taken) expect(state.taken).toBeLessThanOrEqual(placesOffered(state));
          expect(hasFreePlace(state)).toBe(state.taken < placesOffered(state));
        }
      }),
    );
  });

  it('is gone once it is removed and its last call has ended, and never before', () => {
    fc.assert(
      fc.property(settings, fc.array(step, { maxLength: 50 }), (offered, steps) => {
        const used = steps.reduce(after, registered('one', offered));
        const removed = steps.reduce(after, changed(used, { kind: 'remove' }));
        expect(placesOffered(removed)).toBe(0);
        expect(isGone(removed)).toBe(removed.taken === 0);
        expect(isGone(used)).toBe(used.phase === 'removing' && used.taken === 0);
      }),
    );
  });

  it('takes no call while it is drained, and as many as before afterwards', () => {
    const one = registered('one', {
      ...{ models: [plainOffer('a')], places: 2, weight: 1, group: 'primary', rpm: null, tpm: null },
    });
    const drained = changed(placeTaken(one), { kind: 'drain' });
    expect([hasFreePlace(drained), placesOffered(drained), isGone(placeFreed(drained))]).toEqual([
      ...[false, 0, false],
    ]);
    expect(changed(drained, { kind: 'undrain' })).toEqual(placeTaken(one));
  });
});
