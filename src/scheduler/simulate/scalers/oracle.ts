import { type ModelSpeed, serviceMs } from '../model-speed.js';
import type { TracedRequest } from '../trace.js';
import type { Scaler } from './scaler.js';

/** It keeps slots for the minute after the next start, so that it does not give back what it must order again. */
const AHEAD_MS = 60_000;

/**
 * It knows the future: it orders, a start ahead, as many slots as would be busy if no message waited. So nearly nothing waits.
 * It is a bound of what is to be had by knowing, and not the cheapest size: that would let the lower lanes wait.
 */
export function oracle(
  trace: readonly TracedRequest[],
  speed: ModelSpeed,
  startDelayMs: number,
  least: number,
): Scaler {
  const busy = busyBySecond(trace, speed);
  return {
    name: 'oracle',
    everyMs: 1_000,
    decide({ inputs }) {
      const [from, until] = [inputs.atMs / 1000, (inputs.atMs + startDelayMs + AHEAD_MS) / 1000];
      return Math.max(least, ...busy.slice(Math.floor(from), Math.ceil(until)));
    },
  };
}

/** The most calls under way in each second, were there slots for all. */
function busyBySecond(trace: readonly TracedRequest[], speed: ModelSpeed): number[] {
  const changes = trace.flatMap((request) => [
    { atMs: request.atMs, by: 1 },
    { atMs: request.atMs + serviceMs(request, speed), by: -1 },
  ]);
  changes.sort((one, other) => one.atMs - other.atMs || one.by - other.by);
  const busy: number[] = [];
  let now = 0;
  let until = 0;
  for (const { atMs, by } of changes) {
    const second = Math.floor(atMs / 1000);
    for (; until < second; until += 1) busy[until] = Math.max(busy[until] ?? 0, now);
    now += by;
    busy[second] = Math.max(busy[second] ?? 0, now);
  }
  return busy;
}
