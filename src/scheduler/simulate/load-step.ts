import type { Run } from './simulation.js';

/** How a policy followed a load that rose at one moment and fell back at another. */
export interface StepReport {
  /** Changes of size until it was large enough for the higher load; null if it never was. */
  readonly changesUp: number | null;
  readonly secondsUp: number | null;
  /** The largest size meanwhile, as a multiple of the right one. */
  readonly overshoot: number;
  /** Changes until it was small enough for the lower load again. */
  readonly changesDown: number | null;
  readonly secondsDown: number | null;
}

export interface Step {
  readonly riseMs: number;
  readonly fallMs: number;
  readonly endMs: number;
  /** Slots that are busy on average at the lower and at the higher load. */
  readonly low: number;
  readonly high: number;
  readonly slotsPerWorker: number;
}

/** Large enough: the load keeps at most so much of it busy. Small enough: at least so much, but for one worker. */
const BUSIEST = 0.95;
const IDLEST = 0.6;
/** As of the policies, for the right size. */
const USUAL = 0.8;

export function stepReport({ sizes }: Pick<Run, 'sizes'>, step: Step): StepReport {
  const up = firstAfter(sizes, step.riseMs, step.fallMs, (slots) => slots >= step.high / BUSIEST);
  const small = step.low / IDLEST + step.slotsPerWorker;
  const down = firstAfter(sizes, step.fallMs, step.endMs, (slots) => slots <= small);
  const meanwhile = sizes.filter(({ atMs }) => atMs < step.fallMs).map(({ slots }) => slots);
  return {
    changesUp: up?.changes ?? null,
    secondsUp: up?.seconds ?? null,
    overshoot: Math.max(...meanwhile) / (step.high / USUAL),
    changesDown: down?.changes ?? null,
    secondsDown: down?.seconds ?? null,
  };
}

function firstAfter(
  sizes: Run['sizes'],
  fromMs: number,
  untilMs: number,
  isRight: (slots: number) => boolean,
) {
  const before = sizes.filter(({ atMs }) => atMs < fromMs).at(-1);
  if (before !== undefined && isRight(before.slots)) return { changes: 0, seconds: 0 };
  const after = sizes.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
  const at = after.findIndex(({ slots }) => isRight(slots));
  return at === -1 ? null : { changes: at + 1, seconds: (after[at]!.atMs - fromMs) / 1000 };
}
