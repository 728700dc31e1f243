import { LANES } from '../../domain/message/lane.policy.js';
import { eachLane } from '../policy/slots-by-lane.policy.js';
import type { StepReport } from './load-step.js';
import type { PolicyReport } from './report.js';

/** The mean of what one policy did with several seeds, and its longest waits. */
export function averageOf(reports: readonly PolicyReport[]): PolicyReport {
  const mean = (of: (report: PolicyReport) => number | null) => meanOf(reports.map(of));
  const longest = (of: (report: PolicyReport) => number) => Math.max(...reports.map(of));
  return {
    policy: reports[0]!.policy,
    slotHours: mean(({ slotHours }) => slotHours)!,
    attainment: {
      ...eachLane((lane) => mean(({ attainment }) => attainment[lane])),
      all: mean(({ attainment }) => attainment.all),
    },
    changes: mean(({ changes }) => changes)!,
    flaps: mean(({ flaps }) => flaps)!,
    longestWaitSeconds: {
      ...eachLane((lane) => longest(({ longestWaitSeconds }) => longestWaitSeconds[lane])),
      all: longest(({ longestWaitSeconds }) => Math.max(...LANES.map((lane) => longestWaitSeconds[lane]))),
    },
  };
}

/** Of several steps the worst: one that was never followed counts as never. */
export function worstOf(steps: readonly StepReport[]): StepReport {
  const most = (of: (step: StepReport) => number | null) => {
    const values = steps.map(of);
    return values.some((value) => value === null) ? null : Math.max(...(values as number[]));
  };
  return {
    changesUp: most(({ changesUp }) => changesUp),
    secondsUp: most(({ secondsUp }) => secondsUp),
    overshoot: Math.max(...steps.map(({ overshoot }) => overshoot)),
    changesDown: most(({ changesDown }) => changesDown),
    secondsDown: most(({ secondsDown }) => secondsDown),
  };
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
