import { assertNever } from '../../../domain/assert-never.js';
import type { CallSign, HeardSign } from './call-sign.state.js';
import { type FirstTokenTimes, isSlow, NO_TIMES, timed } from './first-token.policy.js';

/**
 * - `healthy`: takes its whole part of the calls.
 * - `degraded`: takes calls, but some fail, stall or are slow, or it has just come back and its part still rises.
 * - `unhealthy`: takes none but one at a time that tries whether it is back, and none at all while a check fails.
 */
export type HealthState = 'healthy' | 'degraded' | 'unhealthy';

/**
 * What an active check saw.
 * - `down`: nobody listens, or the server says that it can't serve.
 * - `unknown`: somebody answers there, but not to checks.
 * - `silent`: no answer in time. A server that is busy with answers may be slow to say how it is, so this closes nothing.
 */
export type CheckResult = 'up' | 'down' | 'unknown' | 'silent';

/** When an unhealthy deployment is tried again. */
export interface Probe {
  readonly dueAtMs: number;
  readonly failed: number;
  readonly checked: Exclude<CheckResult, 'silent'>;
  /** No call failed: it was closed by checks alone, so a check may open it. */
  readonly byChecks: boolean;
}

/** What is known of a deployment's health, from the signs of all workers. */
export interface Health {
  readonly state: HealthState;
  /** Why, in words for who reads the log. */
  readonly reason: string;
  readonly sinceMs: number;
  readonly failuresInRow: number;
  readonly refusalsInRow: number;
  /** Checks that found its server down since a check or a call went well. */
  readonly failedChecks: number;
  /** When the last refusal was told. */
  readonly refusedAtMs: number;
  /** Calls of about the last half minute, newer ones weighing more. */
  readonly good: number;
  readonly bad: number;
  readonly countedAtMs: number;
  readonly stalledAtMs: number | null;
  readonly firstToken: FirstTokenTimes;
  /** Only while it is unhealthy. */
  readonly probe: Probe | null;
  /** It came back then, and its part rises; null when it has all of it. */
  readonly backSinceMs: number | null;
  /** How often in a row it fell again soon after it came back. */
  readonly relapses: number;
}

const FAILURES_IN_ROW = 5;
/** Nobody listening, or refusing to serve, twice in a row and some time apart: calls or checks. */
const REFUSALS_IN_ROW = 2;
const FEWEST_CALLS = 10;
const BAD_SHARE = 0.5;
const DOUBTFUL_SHARE = 0.1;
const WINDOW_MS = 30_000;
const STALL_COUNTS_MS = 60_000;
const SOON_MS = 300_000;

/** Failures that the request's own limits made, and that the next request may not meet. */
const OF_THE_REQUEST: ReadonlySet<string> = new Set(['call_timeout', 'answer_too_large']);

const PROBE_BASE_MS = 1_000;
const PROBE_CAP_MS = 10_000;
/** The server says that it is well, so that it costs less to try. */
const PROBE_CAP_UP_MS = 4_000;
/** A server that was down and then says nothing is tried after so long. */
const AFTER_SILENCE_MS = 10_000;
/** Whatever waits for a deployment tries it within seconds. Without a try for so long, nothing does. */
const UNCALLED_MS = 60_000;

/** Its part of the calls when it is back, for two seconds each. */
const STEPS = [0.1, 0.25, 0.5] as const;
const STEP_MS = 2_000;

export const UNTRIED: Health = {
  state: 'healthy',
  reason: 'nothing speaks against it',
  sinceMs: 0,
  failuresInRow: 0,
  refusalsInRow: 0,
  failedChecks: 0,
  refusedAtMs: -Infinity,
  good: 0,
  bad: 0,
  countedAtMs: 0,
  stalledAtMs: null,
  firstToken: NO_TIMES,
  probe: null,
  backSinceMs: null,
  relapses: 0,
};

/** The part of its usual calls that it should get now, 0 to 1. */
export function shareOf({ state, backSinceMs }: Health, nowMs: number): number {
  if (state === 'unhealthy') return 0;
  if (backSinceMs === null) return 1;
  return STEPS[Math.floor((nowMs - backSinceMs) / STEP_MS)] ?? 1;
}

/** When `shareOf` or the state may change by time alone; null for never. */
export function nextStepMs(health: Health, nowMs: number): number | null {
  if (health.state === 'unhealthy') return dueAt(health);
  if (health.backSinceMs !== null) {
    return health.backSinceMs + (Math.floor((nowMs - health.backSinceMs) / STEP_MS) + 1) * STEP_MS;
  }
  return health.state === 'degraded' ? nowMs + STEP_MS : null;
}

/** When one call may try whether it is back; null for not before a check succeeds. */
function dueAt({ probe }: Health): number | null {
  return probe === null || probe.checked === 'down' ? null : probe.dueAtMs;
}

export function isProbeDue(health: Health, nowMs: number): boolean {
  const due = health.state === 'unhealthy' ? dueAt(health) : null;
  return due !== null && due <= nowMs;
}

export function heard(health: Health, { sign, beganMs }: HeardSign, nowMs: number): Health {
  if (health.state === 'unhealthy') return tried(faded(health, nowMs), sign, beganMs, nowMs);
  if (sign.kind === 'answered') return judged(answered(health, 1, sign.firstTokenMs, nowMs), nowMs);
  return judged(counted(faded(health, nowMs), sign, beganMs, nowMs), nowMs);
}

/** Calls that went well, told together: nobody waits for these. */
export function wentWell(health: Health, calls: number, firstTokenMs: number | null, nowMs: number): Health {
  if (health.state === 'unhealthy' || calls === 0) return health;
  return judged(answered(health, calls, firstTokenMs, nowMs), nowMs);
}

/** Time alone has passed. */
export function later(health: Health, nowMs: number): Health {
  return health.state === 'unhealthy' ? health : judged(faded(health, nowMs), nowMs);
}

/**
 * An active check has come back. What calls have closed only a call opens, unless nobody calls it any more; what checks
 * alone have closed the next good check opens.
 *
 * @param coolUntilMs no call could try it before, whatever its health
 */
export function checked(
  health: Health,
  result: CheckResult,
  nowMs: number,
  coolUntilMs = Number.NEGATIVE_INFINITY,
): Health {
  const { probe } = health;
  if (probe === null) return checkedOpen(health, result, nowMs);
  switch (result) {
    case 'down':
      return { ...health, probe: { ...probe, checked: 'down' } };
    case 'silent':
      if (probe.checked !== 'down') return health;
      return { ...health, probe: { ...probe, checked: 'unknown', dueAtMs: nowMs + AFTER_SILENCE_MS } };
    case 'up':
    case 'unknown': {
      if (probe.byChecks) return back(health, nowMs);
      if (result === 'up' && probe.checked !== 'down') {
        const couldTrySinceMs = Math.max(probe.dueAtMs, coolUntilMs);
        if (nowMs >= couldTrySinceMs + UNCALLED_MS) return back(health, nowMs);
      }
      const dueAtMs = probe.checked === 'down' ? nowMs : probe.dueAtMs;
      return { ...health, probe: { ...probe, checked: result, dueAtMs } };
    }
    default:
      return assertNever(result);
  }
}

function checkedOpen(health: Health, result: CheckResult, nowMs: number): Health {
  switch (result) {
    case 'down': {
      const before = faded(health, nowMs);
      return judged({ ...before, failedChecks: before.failedChecks + 1, refusedAtMs: nowMs }, nowMs);
    }
    case 'up':
    case 'unknown':
      return health.failedChecks === 0 ? health : { ...health, failedChecks: 0 };
    case 'silent':
      return health;
    default:
      return assertNever(result);
  }
}

/** The way of nearly every call, so it is one object, field by field: copies of the whole cost ten times as much. */
function answered(health: Health, calls: number, firstTokenMs: number | null, nowMs: number): Health {
  const kept = keptAt(health, nowMs);
  return {
    state: health.state,
    reason: health.reason,
    sinceMs: health.sinceMs,
    failuresInRow: 0,
    refusalsInRow: 0,
    failedChecks: 0,
    refusedAtMs: health.refusedAtMs,
    good: health.good * kept + calls,
    bad: health.bad * kept,
    countedAtMs: nowMs,
    stalledAtMs: health.stalledAtMs,
    firstToken: firstTokenMs === null ? health.firstToken : timed(health.firstToken, firstTokenMs, nowMs),
    probe: health.probe,
    backSinceMs: health.backSinceMs,
    relapses: health.relapses,
  };
}

type OtherSign = Exclude<CallSign, { kind: 'answered' }>;

function counted(health: Health, sign: OtherSign, beganMs: number, nowMs: number): Health {
  switch (sign.kind) {
    case 'rejected':
      return well(health);
    case 'failed':
      if (OF_THE_REQUEST.has(sign.code)) return health;
      return {
        ...health,
        bad: health.bad + 1,
        failuresInRow: health.failuresInRow + 1,
        stalledAtMs: sign.stalled ? nowMs : health.stalledAtMs,
      };
    case 'not_now':
      // Those of one moment count once, and limits say nothing about health.
      if (!isAbsence(sign) || beganMs < health.refusedAtMs) return health;
      return { ...health, refusalsInRow: health.refusalsInRow + 1, refusedAtMs: nowMs };
    default:
      return assertNever(sign);
  }
}

function well(health: Health): Health {
  return { ...health, failuresInRow: 0, refusalsInRow: 0, failedChecks: 0 };
}

function isAbsence(sign: Extract<CallSign, { kind: 'not_now' }>): boolean {
  return sign.reason === 'refused_connection' || sign.reason === 'unavailable';
}

/** A sign about an unhealthy deployment: of a call that tried it, or of one from before, which says nothing. */
function tried(health: Health, sign: CallSign, beganMs: number, nowMs: number): Health {
  if (beganMs < health.sinceMs) return health;
  switch (sign.kind) {
    case 'answered':
    case 'rejected':
      return back(health, nowMs);
    case 'failed':
    case 'not_now': {
      const failed = (health.probe?.failed ?? 0) + 1;
      const checkedNow = health.probe?.checked ?? 'unknown';
      const waitMs = probeWaitMs(failed, checkedNow);
      return {
        ...health,
        probe: { failed, checked: checkedNow, dueAtMs: nowMs + waitMs, byChecks: false },
      };
    }
    default:
      return assertNever(sign);
  }
}

/** It serves again, and its part rises. */
function back(health: Health, nowMs: number): Health {
  const since = { probe: null, backSinceMs: nowMs };
  return judged({ ...well(health), good: 0, bad: 0, stalledAtMs: null, ...since }, nowMs);
}

function probeWaitMs(failed: number, result: CheckResult): number {
  return Math.min(
    result === 'up' ? PROBE_CAP_UP_MS : PROBE_CAP_MS,
    PROBE_BASE_MS * 2 ** Math.min(failed, 20),
  );
}

function faded(health: Health, nowMs: number): Health {
  const kept = keptAt(health, nowMs);
  return { ...health, good: health.good * kept, bad: health.bad * kept, countedAtMs: nowMs };
}

/** The part of earlier calls that still counts. */
function keptAt({ countedAtMs }: Health, nowMs: number): number {
  return Math.exp(-Math.max(0, nowMs - countedAtMs) / WINDOW_MS);
}

function judged(health: Health, nowMs: number): Health {
  const gone = whyUnhealthy(health, nowMs);
  if (gone !== null) return fallen(health, gone, nowMs);
  const { backSinceMs } = health;
  const stillRises = backSinceMs !== null && shareOf(health, nowMs) < 1;
  const risen = stillRises || backSinceMs === null ? health : { ...health, backSinceMs: null };
  const doubt = stillRises ? 'it is back, and its part of the calls rises' : whyDegraded(risen, nowMs);
  const state = doubt === null ? 'healthy' : 'degraded';
  if (state === risen.state) return risen;
  return { ...risen, state, reason: doubt ?? 'its calls go well', sinceMs: nowMs };
}

function fallen(health: Health, reason: string, nowMs: number): Health {
  const { sinceMs, relapses: before, state } = health;
  const relapse = health.backSinceMs !== null || (state === 'degraded' && nowMs - sinceMs < SOON_MS);
  const relapses = relapse ? before + 1 : 0;
  const probe = {
    failed: relapses,
    checked: 'unknown' as const,
    dueAtMs: nowMs + probeWaitMs(relapses, 'unknown'),
    byChecks: isByChecks(health),
  };
  return { ...health, ...{ state: 'unhealthy', reason, sinceMs: nowMs, relapses, probe, backSinceMs: null } };
}

function isByChecks({ failuresInRow, refusalsInRow, failedChecks }: Health): boolean {
  return failedChecks > 0 && failuresInRow + refusalsInRow === 0;
}

function whyUnhealthy(health: Health, nowMs: number): string | null {
  const { failuresInRow, refusalsInRow, failedChecks, good, bad } = health;
  const rises = health.backSinceMs !== null && shareOf(health, nowMs) < 1;
  if (rises && failuresInRow + refusalsInRow > 0) return 'a call failed again while it came back';
  if (rises && failedChecks > 0) return 'a check of its server failed again while it came back';
  if (failuresInRow >= FAILURES_IN_ROW) return `${failuresInRow} calls in a row failed`;
  if (refusalsInRow >= REFUSALS_IN_ROW) return `it refused to serve ${refusalsInRow} times in a row`;
  if (refusalsInRow + failedChecks >= REFUSALS_IN_ROW) {
    const checks = `its server failed ${failedChecks} ${failedChecks === 1 ? 'check' : 'checks'} in a row`;
    return refusalsInRow === 0 ? checks : `it refused to serve, and ${checks}`;
  }
  if (good + bad >= FEWEST_CALLS && bad >= BAD_SHARE * (good + bad)) {
    return `${percent(bad, good)} of its calls of the last half minute failed`;
  }
  return null;
}

function whyDegraded(health: Health, nowMs: number): string | null {
  const { good, bad, stalledAtMs, firstToken } = health;
  if (stalledAtMs !== null && nowMs - stalledAtMs < STALL_COUNTS_MS)
    return 'an answer stalled within the last minute';
  if (good + bad >= FEWEST_CALLS && bad >= DOUBTFUL_SHARE * (good + bad)) {
    return `${percent(bad, good)} of its calls of the last half minute failed`;
  }
  if (isSlow(firstToken)) {
    const { recentMs, usualMs } = firstToken;
    return `its first pieces take ${Math.round(recentMs)} ms, where ${Math.round(usualMs)} ms are usual`;
  }
  return null;
}

function percent(bad: number, good: number): string {
  return `${Math.round((100 * bad) / (good + bad))} %`;
}
