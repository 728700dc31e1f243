import { type ModelSpeed, meanLoad } from '../model-speed.js';
import { busiest, type TracedRequest } from '../trace.js';
import type { Scaler } from './scaler.js';

/** What capacity planning gives: the requests of the busiest minute at the mean service time, at the wanted utilisation. */
export function peakSlots(trace: readonly TracedRequest[], speed: ModelSpeed, utilisation: number): number {
  const perMinute = (trace.length * 60_000) / trace.at(-1)!.atMs;
  return Math.ceil((meanLoad(trace, speed) * (busiest(trace, 60_000) / perMinute)) / utilisation);
}

export function staticPeak(slots: number): Scaler {
  return { name: 'static-peak', everyMs: 60_000, decide: () => slots };
}
