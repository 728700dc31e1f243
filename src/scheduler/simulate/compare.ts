import { SCALE_DEFAULTS, type ScaleSettings, type ScaleStrategy } from '../policy/scale-settings.policy.js';
import { type StepReport, stepReport } from './load-step.js';
import { MODEL_SPEED, meanLoad } from './model-speed.js';
import { type PolicyReport, reportOf } from './report.js';
import { kedaScaler } from './scalers/keda.js';
import { llmdScaler } from './scalers/llm-d.js';
import { oracle } from './scalers/oracle.js';
import { type Counted, ownPolicy } from './scalers/own-policy.js';
import type { Scaler } from './scalers/scaler.js';
import { peakSlots, staticPeak } from './scalers/static-peak.js';
import { type Run, Simulation } from './simulation.js';
import { loadStep } from './synthetic-trace.js';
import { type TracedRequest, withLanes } from './trace.js';

export interface Comparison {
  readonly trace: readonly TracedRequest[];
  readonly seed: number;
  readonly startDelayMs: number;
  readonly slotsPerWorker: number;
  readonly lagThreshold: number;
  readonly warmUpMs: number;
  /** Null: twice the static peak. */
  readonly maxSlots: number | null;
  /** Null: what the mean load needs. */
  readonly firstSlots: number | null;
  readonly counted: Counted;
  readonly settings: ScaleSettings;
}

export const BASELINES = ['static-peak', 'keda', 'llm-d', 'oracle'] as const;
export type PolicyName = ScaleStrategy | (typeof BASELINES)[number];

export interface Compared {
  readonly report: PolicyReport;
  readonly run: Run;
}

/** One policy under the conditions that all have: the same trace and lanes, first size, floor and ceiling. */
export function simulate(policy: PolicyName, comparison: Comparison): Compared {
  const { trace, startDelayMs, slotsPerWorker, warmUpMs } = comparison;
  const laned = withLanes(trace, comparison.seed);
  const firstSlots = policy.startsWith('static') ? staticSize(comparison) : firstSize(comparison);
  const scaler = scalerOf(policy, comparison, firstSlots);
  const setting = { trace: laned, speed: MODEL_SPEED, slotsPerWorker, startDelayMs, firstSlots };
  const run = new Simulation(setting, scaler).finished();
  const { lanes } = comparison.settings;
  const waitTargetMs = {
    ...{ realtime: lanes.realtime.waitTargetMs, high: lanes.high.waitTargetMs },
    ...{ normal: lanes.normal.waitTargetMs, low: lanes.low.waitTargetMs },
  };
  const measured = { fromMs: warmUpMs, untilMs: trace.at(-1)!.atMs, waitTargetMs };
  return { report: reportOf(scaler.name, run, measured), run };
}

/** Long enough before the step for all that a policy remembers to be of the lower load. */
const STEP_PART_MS = 1_500_000;
const STEP_FACTOR = 3;

/** The same policy on a load that triples at one moment and falls back at another, with the requests of the trace. */
export function simulateStep(policy: PolicyName, comparison: Comparison): StepReport {
  const trace = loadStep(comparison.trace, comparison.seed, STEP_FACTOR, (3 * STEP_PART_MS) / 1000);
  const mean = meanLoad(trace, MODEL_SPEED);
  const low = (3 * mean) / (2 + STEP_FACTOR);
  const { run } = simulate(policy, {
    ...comparison,
    trace,
    firstSlots: low / comparison.settings.utilisation,
  });
  return stepReport(run, {
    ...{ riseMs: STEP_PART_MS, fallMs: 2 * STEP_PART_MS, endMs: 3 * STEP_PART_MS },
    ...{ low, high: STEP_FACTOR * low, slotsPerWorker: comparison.slotsPerWorker },
  });
}

function staticSize({ trace, settings }: Comparison): number {
  return peakSlots(trace, MODEL_SPEED, settings.utilisation);
}

function firstSize({ trace, settings, slotsPerWorker, firstSlots }: Comparison): number {
  const needed = firstSlots ?? meanLoad(trace, MODEL_SPEED) / settings.utilisation;
  return Math.ceil(needed / slotsPerWorker) * slotsPerWorker;
}

function scalerOf(policy: PolicyName, comparison: Comparison, firstSlots: number): Scaler {
  const { trace, startDelayMs, slotsPerWorker, lagThreshold, settings } = comparison;
  const peak = staticSize(comparison);
  const maxSlots = comparison.maxSlots ?? 2 * peak;
  const replicas = { least: 1, most: Math.ceil(maxSlots / slotsPerWorker) };
  const firstReplicas = Math.ceil(firstSlots / slotsPerWorker);
  switch (policy) {
    case 'static-peak':
      return staticPeak(peak);
    case 'keda':
      return kedaScaler(lagThreshold, slotsPerWorker, firstReplicas, replicas);
    case 'llm-d':
      return llmdScaler(settings.lanes.normal.waitTargetMs / 1000, slotsPerWorker, firstReplicas, replicas);
    case 'oracle':
      return oracle(trace, MODEL_SPEED, startDelayMs, slotsPerWorker);
    default: {
      const own = { ...settings, strategy: policy, minSlots: slotsPerWorker, maxSlots, staticSlots: peak };
      return ownPolicy(own, firstSlots, comparison.counted);
    }
  }
}

export const COMPARISON_DEFAULTS = {
  slotsPerWorker: 4,
  lagThreshold: 10,
  warmUpMs: 900_000,
  maxSlots: null,
  firstSlots: null,
  counted: 'tokens',
  settings: SCALE_DEFAULTS,
} as const;
