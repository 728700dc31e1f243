import type { EndpointTuning } from '../../../domain/admin/endpoint.events.js';
import type { EndpointSettings } from '../endpoint.state.js';

/** What may be changed while the service runs of an endpoint that the configuration file names. */
export const TUNABLE = ['weight', 'max_concurrency', 'rpm', 'tpm'] as const;
export type Tunable = (typeof TUNABLE)[number];

type Limits = Pick<EndpointSettings, 'places' | 'rpm' | 'tpm'>;

/** The most that each may be set to; null for no bound. The file's limits are what its writer lets others use. */
export function fileBounds({ places, rpm, tpm }: Limits): Record<Tunable, number | null> {
  return { weight: null, max_concurrency: places, rpm, tpm };
}

/** What the endpoint has with an admin's changes: never more than the file allows, which can have become less since. */
export function tuned(file: EndpointSettings, tuning: EndpointTuning): EndpointSettings {
  return {
    ...file,
    weight: tuning.weight ?? file.weight,
    places: least(tuning.max_concurrency, file.places) ?? file.places,
    rpm: least(tuning.rpm, file.rpm),
    tpm: least(tuning.tpm, file.tpm),
  };
}

function least(wanted: number | undefined, bound: number | null): number | null {
  if (wanted === undefined) return bound;
  return bound === null ? wanted : Math.min(wanted, bound);
}
