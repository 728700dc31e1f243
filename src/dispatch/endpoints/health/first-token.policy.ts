import { meanAt, type PeakEwma, withMeasured } from '../choice/peak-ewma.policy.js';

/** Times to the first piece of an answer, in milliseconds. */
export interface FirstTokenTimes {
  /** For the choice; null before the first one. */
  readonly peak: PeakEwma | null;
  /** Of about the last ten samples. */
  readonly recentMs: number;
  /** Of about the last few hundred: what is usual here. */
  readonly usualMs: number;
  readonly samples: number;
}

/** After so long the peak has fallen to about a third of its distance to what else was measured. */
const PEAK_DECAY_MS = 5_000;
/** After so long without calls a third of it counts. */
const FORGET_MS = 300_000;
const SINKING = { decayMs: PEAK_DECAY_MS, forgetMs: FORGET_MS };
const RECENT_PART = 0.2;
const USUAL_PART = 0.01;
const FEWEST_SAMPLES = 20;
const SLOW_FACTOR = 3;
/** Below it, three times as slow is noise. */
const SLOW_BY_MS = 500;

export const NO_TIMES: FirstTokenTimes = { peak: null, recentMs: 0, usualMs: 0, samples: 0 };

export function timed(times: FirstTokenTimes, firstTokenMs: number, nowMs: number): FirstTokenTimes {
  const samples = times.samples + 1;
  const towards = (from: number, part: number) => from + (firstTokenMs - from) * Math.max(part, 1 / samples);
  return {
    peak: withMeasured(times.peak, firstTokenMs, nowMs, PEAK_DECAY_MS),
    recentMs: towards(times.recentMs, RECENT_PART),
    usualMs: towards(times.usualMs, USUAL_PART),
    samples,
  };
}

/** The peak-sensitive mean as it counts now; null where nothing was measured. */
export function peakAt({ peak, recentMs }: FirstTokenTimes, nowMs: number): number | null {
  return peak === null ? null : meanAt(peak, recentMs, nowMs, SINKING);
}

/** Much slower than it usually is. */
export function isSlow({ samples, recentMs, usualMs }: FirstTokenTimes): boolean {
  return samples >= FEWEST_SAMPLES && recentMs > SLOW_FACTOR * usualMs && recentMs - usualMs > SLOW_BY_MS;
}
