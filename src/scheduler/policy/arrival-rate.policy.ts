import { type DecayedSums, faded, NO_SUMS, sumOf } from './decayed-mean.policy.js';

/**
 * The arrival rate of a lane, from a counter that is read about once a second.
 *
 * A long mean is steady but late, a short one early but noisy. So the long one counts until the short one leaves the noise
 * of a Poisson process around it, in the lane or in all lanes together. What comes from then on is summed apart, and if it is still outside after `confirmMs`, it
 * is the new rate: a load step is seen whole at once, instead of creeping in over many decisions.
 */
export interface ArrivalRate {
  readonly arrived: number;
  readonly arrivedTokens: number | null;
  readonly recent: DecayedSums;
  readonly long: DecayedSums;
  /** Arrivals since the recent mean left the noise; null while it is inside. */
  readonly suspected: DecayedSums | null;
}

const RECENT_MS = 10_000;
const LONG_MS = 120_000;
/** Deviations that noise alone shows once in some hundred readings. */
const DEVIATIONS = 3;

export interface ArrivalCounters {
  readonly arrived: number;
  readonly arrivedTokens: number | null;
}

export function firstArrivals({ arrived, arrivedTokens }: ArrivalCounters): ArrivalRate {
  return { arrived, arrivedTokens, recent: NO_SUMS, long: NO_SUMS, suspected: null };
}

/** The counters a while later. */
export function withArrivals(rate: ArrivalRate, counters: ArrivalCounters, elapsedMs: number): ArrivalRate {
  const { arrived, arrivedTokens } = counters;
  const messages = arrived - rate.arrived;
  const tokens =
    arrivedTokens === null || rate.arrivedTokens === null ? null : arrivedTokens - rate.arrivedTokens;
  // A counter that fell began anew elsewhere: nothing is known of the time between.
  if (elapsedMs <= 0 || messages < 0 || (tokens ?? 0) < 0) return { ...rate, arrived, arrivedTokens };
  const added = { seconds: elapsedMs / 1000, messages, tokens };
  return {
    ...{ arrived, arrivedTokens },
    recent: faded(rate.recent, added, RECENT_MS),
    long: faded(rate.long, added, LONG_MS),
    suspected: rate.suspected === null ? null : sumOf(rate.suspected, added),
  };
}

/** What is made of the counters: the same rate, one that may be changing, or a new one. */
export function judged(rate: ArrivalRate, isChanging: boolean, confirmMs: number): ArrivalRate {
  if (!isChanging) return { ...rate, suspected: null };
  if (rate.suspected === null) return { ...rate, suspected: NO_SUMS };
  return rate.suspected.seconds * 1000 < confirmMs
    ? rate
    : { ...rate, long: rate.suspected, suspected: null };
}

/** Whether the recent arrivals of these lanes together are no longer those of the long means before them. */
export function areChanging(recent: readonly DecayedSums[], long: readonly DecayedSums[]): boolean {
  const [now, before] = [inAll(recent), inAll(long)];
  if (before.seconds === 0) return false;
  const expected = (before.messages / before.seconds) * now.seconds;
  return Math.abs(now.messages - expected) > DEVIATIONS * Math.sqrt(Math.max(1, expected));
}

function inAll(sums: readonly DecayedSums[]): Pick<DecayedSums, 'seconds' | 'messages'> {
  return {
    seconds: sums.reduce((most, { seconds }) => Math.max(most, seconds), 0),
    messages: sums.reduce((sum, { messages }) => sum + messages, 0),
  };
}
