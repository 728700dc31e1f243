import { decideScale } from '../../policy/decide-scale.policy.js';
import type { ScaleSettings } from '../../policy/scale-settings.policy.js';
import { firstScaleState } from '../../policy/scale-state.policy.js';
import type { Scaler } from './scaler.js';

/** The policy of the service itself, once a second as its leader does. */
export function ownPolicy(settings: ScaleSettings, firstSlots: number): Scaler {
  let state = firstScaleState(firstSlots);
  return {
    name: settings.strategy,
    everyMs: 1_000,
    decide({ inputs }) {
      const decision = decideScale(inputs, settings, state);
      state = decision.state;
      return decision.total;
    },
  };
}
