import type { ServiceReading } from './scale-inputs.policy.js';

/**
 * How much work a slot does in a second that it is busy. Idle time does not count, so the rate is that of the model and not
 * that of the load. A call counts when it ends, with its whole time: its work is known only then, and half of its time with
 * none of its work would make the model look slow at each start.
 */
export interface ServiceRate {
  readonly last: ServiceReading;
  readonly busyMs: number;
  readonly served: number;
  readonly servedTokens: number | null;
}

/** Fades by busy time, not by the clock: what is known of a model stays known while it is idle. */
const FADE_BUSY_MS = 3_600_000;

export function firstService(last: ServiceReading): ServiceRate {
  return { last, busyMs: 0, served: 0, servedTokens: last.servedTokens === null ? null : 0 };
}

export function observeService(rate: ServiceRate, now: ServiceReading): ServiceRate {
  const busyMs = now.busyMs - rate.last.busyMs;
  const served = now.served - rate.last.served;
  if ((now.servedTokens === null) !== (rate.last.servedTokens === null)) return firstService(now);
  const tokens = now.servedTokens === null ? null : now.servedTokens - (rate.last.servedTokens ?? 0);
  if (busyMs < 0 || served < 0 || (tokens ?? 0) < 0) return { ...rate, last: now };
  const kept = Math.exp(-busyMs / FADE_BUSY_MS);
  return {
    last: now,
    busyMs: rate.busyMs * kept + busyMs,
    served: rate.served * kept + served,
    servedTokens: tokens === null ? null : (rate.servedTokens ?? 0) * kept + tokens,
  };
}

/** Null until a first call ended: then it is unknown, and neither instant nor endless. */
export function secondsPerMessage(rate: ServiceRate | null): number | null {
  return rate === null || rate.served <= 0 || rate.busyMs <= 0 ? null : rate.busyMs / 1000 / rate.served;
}

export function secondsPerToken(rate: ServiceRate | null): number | null {
  if (rate === null || rate.servedTokens === null || rate.servedTokens <= 0 || rate.busyMs <= 0) return null;
  return rate.busyMs / 1000 / rate.servedTokens;
}
