import { averageOf, worstOf } from './average.js';
import { BASELINES, COMPARISON_DEFAULTS, type Comparison, type PolicyName, simulate } from './compare.js';
import { stepReport } from './load-step.js';
import { MODEL_SPEED, meanLoad } from './model-speed.js';
import { plotOf } from './plot.js';
import { flapsOf, reportOf } from './report.js';
import { HorizontalPodAutoscaler, replicasForAverage, replicasForValue } from './scalers/hpa.js';
import type { Scaler } from './scalers/scaler.js';
import { type Run, Simulation } from './simulation.js';
import { syntheticTrace } from './synthetic-trace.js';
import { tableOf } from './table.js';
import type { LanedRequest } from './trace.js';

const POLICIES: readonly PolicyName[] = ['static', 'dynamic', 'adaptive', 'hybrid', ...BASELINES];
const SHORT: Comparison = {
  ...COMPARISON_DEFAULTS,
  ...{ trace: syntheticTrace('code', 3, 400), seed: 1, startDelayMs: 20_000, warmUpMs: 60_000 },
};

describe.each(POLICIES)('%s', (policy) => {
  const first = simulate(policy, SHORT);

  it('gives the same run twice', () => {
    const second = simulate(policy, SHORT);
    expect(second.report).toEqual(first.report);
    expect(second.run.seconds).toEqual(first.run.seconds);
  });

  it('serves each message once, in slots that are there', () => {
    const { run, report } = first;
    expect(run.waits).toHaveLength(SHORT.trace.length);
    expect(run.waits.every(({ waitMs }) => waitMs >= 0 && waitMs < 600_000)).toBe(true);
    expect(report.attainment.all).toBeGreaterThan(0.2);
    expect(report.attainment.all).toBeLessThanOrEqual(1);
    const hours = (SHORT.trace.at(-1)!.atMs - SHORT.warmUpMs) / 3_600_000;
    const load = meanLoad(SHORT.trace, MODEL_SPEED);
    expect(report.slotHours).toBeGreaterThan(load * hours * 0.5);
    expect(report.slotHours).toBeLessThan(load * hours * 40);
  });
});

it('knows the future as the oracle does: nobody waits beyond the target', () => {
  expect(simulate('oracle', SHORT).report.attainment.all).toBeGreaterThan(0.99);
});

/** Calls of ten seconds: 40 tokens in each of them. */
const call = (atMs: number, lane: LanedRequest['lane'] = 'normal'): LanedRequest => ({
  ...{ atMs, lane, promptTokens: 0, answerTokens: 400 },
});

function runOf(
  trace: readonly LanedRequest[],
  decide: Scaler['decide'],
  firstSlots: number,
  slotsPerWorker = 1,
): Run {
  const setting = { trace, speed: MODEL_SPEED, slotsPerWorker, startDelayMs: 5_000, firstSlots };
  return new Simulation(setting, { name: 'fixed', everyMs: 1_000, decide }).finished();
}

it('starts workers after their delay, and pays them from their order', () => {
  const trace = [call(0), call(0), call(20_000)];
  const run = runOf(trace, ({ inputs }) => (inputs.atMs < 2_000 ? 1 : 2), 1);
  expect(run.waits.map(({ waitMs }) => waitMs)).toEqual([0, 7_000, 0]);
  expect(run.fleet.slotHours(0, 20_000)).toBeCloseTo((20 + 18) / 3_600, 9);
});

it('cuts no call when it scales down: the worker drains, and is paid until its end', () => {
  const trace = [call(0), call(500), call(30_000)];
  const run = runOf(trace, ({ inputs }) => (inputs.atMs < 2_000 ? 2 : 1), 2);
  expect(run.waits.map(({ waitMs }) => waitMs)).toEqual([0, 0, 0]);
  expect(run.fleet.slotHours(0, 30_000)).toBeCloseTo((30 + 10.5) / 3_600, 9);
});

it('serves the higher lane first', () => {
  const trace = [call(0), call(100, 'low'), call(200, 'realtime')];
  const { waits } = runOf(trace, () => 1, 1);
  expect(waits.map(({ lane }) => lane)).toEqual(['normal', 'realtime', 'low']);
});

describe('the baselines', () => {
  it('an HPA leaves what is within a tenth of its target', () => {
    expect(replicasForAverage(43, 10, 4)).toBe(4);
    expect(replicasForAverage(45, 10, 4)).toBe(5);
    expect(replicasForAverage(0, 10, 4)).toBe(0);
    expect(replicasForValue(0.85, 0.8, 10)).toBe(10);
    expect(replicasForValue(1, 0.8, 10)).toBe(13);
  });

  it('an HPA doubles at most, or adds four, and comes down to the most of five minutes', () => {
    const hpa = new HorizontalPodAutoscaler(2, { least: 1, most: 50 });
    expect(hpa.sync(0, 40)).toBe(6);
    expect(hpa.sync(15_000, 40)).toBe(12);
    expect(hpa.sync(30_000, 9)).toBe(12);
    expect(hpa.sync(320_000, 3)).toBe(9);
    expect(hpa.sync(331_000, 3)).toBe(3);
    expect(hpa.sync(700_000, 0)).toBe(1);
  });
});

it('counts a change against the one before as a flap, within ten minutes', () => {
  const sizes = [
    ...[
      [0, 4],
      [60_000, 8],
      [120_000, 12],
      [300_000, 6],
      [400_000, 9],
      [2_000_000, 3],
    ],
  ].map(([atMs, slots]) => ({ atMs: atMs!, slots: slots! }));
  expect(flapsOf(sizes, 0)).toBe(2);
  expect(flapsOf(sizes, 350_000)).toBe(1);
});

it('tells after how many changes a size was right after a step', () => {
  const sizes = [
    [0, 10],
    [105_000, 15],
    [130_000, 30],
    [400_000, 20],
    [500_000, 12],
  ].map(([atMs, slots]) => ({
    ...{ atMs: atMs!, slots: slots! },
  }));
  const step = { riseMs: 100_000, fallMs: 300_000, endMs: 900_000, low: 6, high: 24, slotsPerWorker: 4 };
  expect(stepReport({ sizes }, step)).toEqual({
    ...{ changesUp: 2, secondsUp: 30, overshoot: 1, changesDown: 2, secondsDown: 200 },
  });
});

it('counts what was met by lane, and only after the warm-up', () => {
  const trace = [call(0), call(0), call(100_000), call(100_000, 'high')];
  const run = runOf(trace, () => 1, 1);
  const waitTargetMs = { realtime: 1_000, high: 3_000, normal: 10_000, low: 60_000 };
  const report = reportOf('one slot', run, { fromMs: 50_000, untilMs: 100_000, waitTargetMs });
  expect(report).toMatchObject({
    attainment: { realtime: null, high: 0, normal: 1, low: null, all: 0.5 },
    longestWaitSeconds: { all: 10 },
  });
});

it('takes the mean over seeds, and the worst of the steps', () => {
  const { report } = simulate('static', SHORT);
  const other = {
    ...report,
    slotHours: report.slotHours + 2,
    attainment: { ...report.attainment, low: null },
  };
  expect(averageOf([report, other])).toEqual({ ...report, slotHours: report.slotHours + 1 });
  const step = { changesUp: 1, secondsUp: 9, overshoot: 1.2, changesDown: 1, secondsDown: 300 };
  expect(worstOf([step, { ...step, changesUp: 2, secondsDown: null }])).toEqual({
    ...{ ...step, changesUp: 2, secondsDown: null },
  });
});

it('draws each policy, and sets the figures in columns', () => {
  const { report, run } = simulate('hybrid', SHORT);
  const svg = plotOf('a <trace>', [{ name: 'hybrid', seconds: run.seconds }]);
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  expect(svg.match(/<path /g)).toHaveLength(5);
  expect(svg).toContain('a &lt;trace>');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  const [header, row] = tableOf([{ report, step: null }]).split('\n');
  expect(header).toHaveLength(row!.length);
  expect(row).toContain('hybrid');
});
