import { type Ledger, MINUTE_UNITS, type Returning, unitsOf } from './share-ledger.policy.js';

/** Units in use by the age of their calls: of up to five seconds first, then up to ten, and so on. */
export type Ages = readonly number[];
export const AGE_STEP_MS = 5_000;

/** What a member told of an endpoint in its last beat. */
export interface LastUse {
  readonly rpm: Ages;
  readonly tpm: Ages;
  /** How long ago it told. */
  readonly agoMs: number;
}

const MINUTE_MS = 60_000;
/** Clocks of workers may differ by so much. */
const CLOCKS_MS = 2_000;
/** Of its share, what a member can have used between its last beat and its end: what may go at once, and a bit. */
const SINCE_LAST_BEAT = 0.12;

/**
 * What a member that is gone leaves in use, and until when: its calls hold their units for the rest of their minute. Where
 * it told nothing, everything that it had counts as used at its very end. Tokens are not bounded by what may go at once.
 */
export function leftInUse(ledger: Ledger, member: string, last: LastUse | null, nowMs: number): Returning[] {
  return MINUTE_UNITS.flatMap((resource) => {
    const share = unitsOf(ledger, resource, member);
    const atEnd = { resource, atMs: nowMs + MINUTE_MS + CLOCKS_MS };
    if (last === null || share === 0) return [{ ...atEnd, units: share }];
    const told = last[resource].map((units, age) => ({
      ...{ resource, units },
      atMs: nowMs - last.agoMs - age * AGE_STEP_MS + MINUTE_MS + CLOCKS_MS,
    }));
    const idle = Math.max(0, share - told.reduce((sum, { units }) => sum + units, 0));
    const perhaps = resource === 'tpm' ? idle : Math.min(idle, Math.ceil(share * SINCE_LAST_BEAT) + 1);
    return [...told, { ...atEnd, units: perhaps }];
  });
}
