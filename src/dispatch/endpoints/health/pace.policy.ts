/**
 * How fast a deployment takes calls, learned from its refusals. All workers' calls together.
 *
 * The first is so many calls as it took, over the time up to the end of the cool-down. That is too much where a refusal
 * ends before the deployment's window does, which the next refusal tells soon, and too little where it lasts longer. So
 * the rate rises fast at first, up to what was refused before. Refused after a while, it falls a little below what it was
 * at that moment; refused sooner, to what was taken in all of the time since the refusal before.
 */
export interface Pace {
  /** Calls per second that it is known to take; null: not limited, or not known. */
  readonly perSecond: number | null;
  /** Since when the rate holds. */
  readonly learnedAtMs: number;
  /** How often in a row it was learned anew: the limit is near, so it rises more slowly each time. */
  readonly learnedTimes: number;
  /** The time that it was learned from. The deployment's window is about as long, so this is how fast it may rise. */
  readonly spanMs: number;
  /** A little below the rate at which it was refused last; null: only ever a crowd was. */
  readonly ceiling: number | null;
  /** The next call may begin now or then. */
  readonly nextAtMs: number;
  /** Calls taken since `countedSinceMs`. */
  readonly taken: number;
  readonly countedSinceMs: number;
  /** What was counted up to the refusal before. */
  readonly before: { readonly taken: number; readonly sinceMs: number };
  readonly lastBeganMs: number;
  /** A refusal was told; the rate is learned when the cool-down is over, and all that was under way has been told. */
  readonly learnAtMs: number | null;
  /** When the refusal was told that `learnAtMs` is for. */
  readonly refusedAtMs: number;
}

/** After a pause like this, or of three calls' spacing, the count starts anew: the rate of an idle hour says nothing. */
const PAUSE_MS = 2_000;
const PAUSE_SPACINGS = 3;
/** Fewer calls say little of a rate: then it is taken of what was counted before, too. */
const FEWEST_TAKEN = 3;
/** A little below what was seen: clocks and ways are not even. */
const SAFETY = 0.95;
const FASTEST_PER_SECOND = 1_000;
/** Rising and the cool-down make what was seen less than the rate in the end; less than this is for want of calls. */
const USED = 0.35;
/** It never falls asleep: at least one call in a minute. */
const SLOWEST_PER_SECOND = 1 / 60;
/**
 * Rising fast, as an exponent: by so much in a span like that it was learned from, to that power. What was learned from a
 * crowd is often right, so it is held for a while at first. What was learned from two refusals lies between them.
 */
const FAST_RISE = { by: 0.05, power: 2 };
const FAST_RISE_TO = 3;
const RISE_TO_CEILING = { by: 0.3, power: 1 };
const SHORTEST_SPAN_MS = 1_000;
/** Then by so much a second, and by more when half a minute went without a refusal. */
const RISE = 0.01;
const LATER_RISE = 0.05;
const LATER_MS = 30_000;
/** So many times faster than it was learned means that it is no limit any more. */
const FORGOTTEN_AT = 20;

export const NO_PACE: Pace = {
  perSecond: null,
  learnedAtMs: 0,
  learnedTimes: 0,
  nextAtMs: 0,
  taken: 0,
  countedSinceMs: 0,
  lastBeganMs: -Infinity,
  spanMs: 0,
  ceiling: null,
  refusedAtMs: 0,
  before: { taken: 0, sinceMs: 0 },
  learnAtMs: null,
};

/** Calls per second now; null for no limit. */
export function rateAt(pace: Pace, nowMs: number): number | null {
  const { perSecond, learnedAtMs, learnedTimes, spanMs, ceiling } = pace;
  if (perSecond === null) return null;
  const fastTo = Math.log(ceiling === null ? FAST_RISE_TO : Math.max(1, ceiling / perSecond));
  const ageMs = Math.max(0, nowMs - learnedAtMs);
  const span = Math.max(SHORTEST_SPAN_MS, spanMs);
  const { by, power } = ceiling === null ? FAST_RISE : RISE_TO_CEILING;
  const fast = Math.min(fastTo, by * (ageMs / span) ** power);
  const seconds = Math.max(0, ageMs - span * (fastTo / by) ** (1 / power)) / 1_000;
  const early = Math.min(seconds, LATER_MS / 1_000);
  const slow = (RISE * early) / Math.max(1, learnedTimes) + LATER_RISE * (seconds - early);
  const factor = Math.exp(fast + slow);
  return factor >= FORGOTTEN_AT ? null : perSecond * factor;
}

/** A call has begun here. `part` is this worker's part of the rate. */
export function began(pace: Pace, nowMs: number, part: number): Pace {
  const rate = rateAt(pace, nowMs);
  const spacingMs = rate === null ? 0 : 1_000 / (rate * part);
  const pauseMs = Math.max(PAUSE_MS, PAUSE_SPACINGS * spacingMs);
  const anew = pace.learnAtMs === null && nowMs - pace.lastBeganMs > pauseMs;
  const { taken, countedSinceMs, before } = anew
    ? { taken: 0, countedSinceMs: nowMs, before: { taken: 0, sinceMs: nowMs } }
    : pace;
  // A timer that was late costs no rate, but makes no crowd either.
  const nextAtMs = rate === null ? pace.nextAtMs : Math.max(pace.nextAtMs, nowMs - spacingMs / 2) + spacingMs;
  const perSecond = rate === null ? null : pace.perSecond;
  return { ...pace, perSecond, nextAtMs, taken, countedSinceMs, before, lastBeganMs: nowMs };
}

/** Calls were taken, here or by another worker. */
export function took(pace: Pace, calls: number): Pace {
  return { ...pace, taken: pace.taken + calls };
}

/** A call was refused for its rate; the deployment cools until then. */
export function refused(pace: Pace, nowMs: number, untilMs: number): Pace {
  if (pace.learnAtMs !== null) return { ...pace, learnAtMs: Math.max(untilMs, pace.learnAtMs) };
  return { ...pace, refusedAtMs: nowMs, learnAtMs: untilMs };
}

/**
 * At the end of the cool-down.
 * @param underWay calls under way here: by now they would have been refused
 */
export function learned(pace: Pace, underWay: number, nowMs: number): Pace {
  const { learnAtMs: at, countedSinceMs, refusedAtMs } = pace;
  if (at === null || nowMs < at) return pace;
  const last = { taken: pace.taken + underWay, sinceMs: countedSinceMs };
  const fewer = { taken: last.taken + pace.before.taken, sinceMs: pace.before.sinceMs };
  const counted = last.taken < FEWEST_TAKEN ? fewer : last;
  const spanMs = Math.max(1, at - counted.sinceMs);
  // Where none was taken, the next one may be.
  const seen = (Math.max(1, counted.taken) / (spanMs / 1_000)) * SAFETY;
  const ceiling = lastTaken(pace);
  // What it did not keep up with is no reason for a faster one.
  const most = ceiling ?? FASTEST_PER_SECOND;
  // A rate that was allowed and not used proves nothing.
  const wentWell = refusedAtMs - pace.learnedAtMs > pace.spanMs && seen > most * USED;
  const perSecond = Math.max(SLOWEST_PER_SECOND, wentWell ? most : Math.min(seen, most));
  const learnedTimes = at - pace.learnedAtMs > LATER_MS ? 1 : pace.learnedTimes + 1;
  return {
    ...pace,
    ...{ perSecond, learnedAtMs: at, learnedTimes, nextAtMs: at, lastBeganMs: at, learnAtMs: null },
    ...{ ceiling, spanMs },
    // What is under way is counted; its answer is not to count again.
    ...{ taken: -underWay, countedSinceMs: at, before: counted },
  };
}

/** A little below the rate at which it took calls before it refused one; null where it had no rate. */
function lastTaken(pace: Pace): number | null {
  const { refusedAtMs, learnedAtMs, spanMs } = pace;
  const refusedAt = rateAt(pace, refusedAtMs);
  if (refusedAt === null) return null;
  // The refused call was let go by the rate of the call before it, and refused for the calls of a window before that.
  const rose = spanMs / 2 + 1_000 / refusedAt;
  return SAFETY * rateAt(pace, Math.max(learnedAtMs, refusedAtMs - rose))!;
}

/** When the next call may begin; in the past: now. */
export function nextCallMs(pace: Pace, nowMs: number): number {
  return rateAt(pace, nowMs) === null ? nowMs : pace.nextAtMs;
}

/** Calls at once to a deployment that this process has not called before: four, twice as many each half second. */
const FIRST_CALLS = 4;
const DOUBLING_MS = 500;
const KNOWN_AFTER_MS = 2_500;

/**
 * The most calls under way at a deployment whose limits this process does not know yet, so that it hears of a refusal
 * before it has sent a crowd to be refused. Each call that was taken allows two more.
 *
 * @param firstMs when the first call began, null before
 */
export function firstCalls(firstMs: number | null, takenSince: number, nowMs: number): number {
  if (firstMs === null) return FIRST_CALLS;
  const ageMs = nowMs - firstMs;
  if (ageMs >= KNOWN_AFTER_MS) return Infinity;
  return FIRST_CALLS * 2 ** Math.floor(ageMs / DOUBLING_MS) + 2 * takenSince;
}

/** When `firstCalls` allows more by time alone; null for never. */
export function nextFirstCallsMs(firstMs: number | null, nowMs: number): number | null {
  if (firstMs === null || nowMs - firstMs >= KNOWN_AFTER_MS) return null;
  return firstMs + (Math.floor((nowMs - firstMs) / DOUBLING_MS) + 1) * DOUBLING_MS;
}
