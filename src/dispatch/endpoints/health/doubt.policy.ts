import type { CoolDown } from './cool-down.policy.js';
import { type Health, UNTRIED } from './health.state.js';
import { NO_PACE, type Pace } from './pace.policy.js';

/** What one process knows of a deployment that is not simply well. */
export interface Doubt {
  readonly health: Health;
  readonly coolDown: CoolDown | null;
  readonly pace: Pace;
}

export const NO_DOUBT: Doubt = { health: UNTRIED, coolDown: null, pace: NO_PACE };

/**
 * The same with every time moved: each process has a clock of its own, so what one tells another says how long ago a
 * thing was, or how long it will be. `null` stands for a time that never was, which JSON can't write.
 */
export function moved({ health, coolDown, pace }: Doubt, byMs: number): Doubt {
  const move = (time: number | null) => (Number.isFinite(time) ? (time as number) + byMs : NEVER);
  const moveOrNull = (time: number | null) => (time === null ? null : time + byMs);
  return {
    health: {
      ...health,
      sinceMs: move(health.sinceMs),
      refusedAtMs: move(health.refusedAtMs),
      countedAtMs: move(health.countedAtMs),
      stalledAtMs: moveOrNull(health.stalledAtMs),
      backSinceMs: moveOrNull(health.backSinceMs),
      probe: health.probe === null ? null : { ...health.probe, dueAtMs: move(health.probe.dueAtMs) },
    },
    coolDown:
      coolDown === null
        ? null
        : { ...coolDown, sinceMs: move(coolDown.sinceMs), untilMs: move(coolDown.untilMs) },
    pace: {
      ...pace,
      learnedAtMs: move(pace.learnedAtMs),
      nextAtMs: move(pace.nextAtMs),
      countedSinceMs: move(pace.countedSinceMs),
      before: { ...pace.before, sinceMs: move(pace.before.sinceMs) },
      lastBeganMs: move(pace.lastBeganMs),
      learnAtMs: moveOrNull(pace.learnAtMs),
      refusedAtMs: move(pace.refusedAtMs),
    },
  };
}

const NEVER = Number.NEGATIVE_INFINITY;
