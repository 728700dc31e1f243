import fc from 'fast-check';
import type { EndpointSettings } from '../endpoint.state.js';
import { tuned } from './file-bounds.policy.js';

const limit = fc.integer({ min: 1, max: 100 });
const file: fc.Arbitrary<EndpointSettings> = fc.record({
  ...{ models: fc.constant([]), group: fc.constant('primary' as const), weight: limit },
  ...{ places: limit, rpm: fc.option(limit), tpm: fc.option(limit) },
});
const tuning = fc.record(
  { max_concurrency: limit, weight: limit, rpm: limit, tpm: limit },
  { requiredKeys: [] },
);

describe('what an admin may change of a configured endpoint', () => {
  it('never goes beyond the limits of the file, and is what the admin said within them', () => {
    fc.assert(
      fc.property(file, tuning, (settings, said) => {
        const now = tuned(settings, said);
        expect(now.places).toBe(Math.min(settings.places, said.max_concurrency ?? settings.places));
        for (const field of ['rpm', 'tpm'] as const) {
          const bounds = [settings[field], said[field]].filter((bound) => typeof bound === 'number');
          expect(now[field]).toBe(bounds.length === 0 ? null : Math.min(...bounds));
        }
        expect(now.weight).toBe(said.weight ?? settings.weight);
        expect([now.models, now.group]).toEqual([settings.models, settings.group]);
      }),
    );
  });
});
