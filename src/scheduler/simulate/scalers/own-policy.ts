import { decideScale } from '../../policy/decide-scale.policy.js';
import { isKnown, type ScaleInputs } from '../../policy/scale-inputs.policy.js';
import type { ScaleSettings } from '../../policy/scale-settings.policy.js';
import { firstScaleState } from '../../policy/scale-state.policy.js';
import { eachLane } from '../../policy/slots-by-lane.policy.js';
import type { Scaler } from './scaler.js';

/** In what a policy measures arrivals and service. The service counts messages. */
export const COUNTED = ['tokens', 'messages'] as const;
export type Counted = (typeof COUNTED)[number];

/** The policy of the service itself, once a second as its leader does. */
export function ownPolicy(settings: ScaleSettings, firstSlots: number, counted: Counted): Scaler {
  let state = firstScaleState(firstSlots);
  return {
    name: settings.strategy,
    everyMs: 1_000,
    decide({ inputs }) {
      const known = counted === 'tokens' ? inputs : withoutTokens(inputs);
      const decision = decideScale(known, settings, state);
      state = decision.state;
      return decision.total;
    },
  };
}

function withoutTokens({ lanes, service, ...rest }: ScaleInputs): ScaleInputs {
  return {
    ...rest,
    lanes: eachLane((lane) => {
      const reading = lanes[lane];
      return isKnown(reading) ? { ...reading, waitingTokens: null, arrivedTokens: null } : reading;
    }),
    service: isKnown(service) ? { ...service, servedTokens: null } : service,
  };
}
