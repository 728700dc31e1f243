import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SCALE_STRATEGIES } from '../policy/scale-settings.policy.js';
import { averageOf, worstOf } from './average.js';
import { readAzureTrace, TraceFormatError } from './azure-trace.js';
import {
  BASELINES,
  COMPARISON_DEFAULTS,
  type Comparison,
  type PolicyName,
  simulate,
  simulateStep,
} from './compare.js';
import type { StepReport } from './load-step.js';
import { plotOf } from './plot.js';
import { COUNTED, type Counted } from './scalers/own-policy.js';
import { syntheticTrace } from './synthetic-trace.js';
import { type Row, tableOf } from './table.js';
import { statisticsOf, type TracedRequest, type TraceStatistics } from './trace.js';

/** `npm run simulate -- --trace synthetic:code --start-delay 60`: what each scaling policy would have made of a load. */
interface Options {
  readonly trace: string;
  readonly policy: string;
  readonly startDelay: number;
  readonly seed: number;
  readonly seeds: number;
  readonly slotsPerWorker: number;
  readonly lagThreshold: number;
  readonly warmUp: number;
  readonly count: Counted;
  readonly maxSlots?: number;
  readonly steps: boolean;
  readonly json?: boolean;
  readonly plot?: string;
}

const NAMES: readonly PolicyName[] = [...BASELINES, ...SCALE_STRATEGIES.filter((name) => name !== 'static')];
/** `static` is the policy of that name at the size of the static peak. */
const CHOICES = [...SCALE_STRATEGIES, ...BASELINES, 'all'];

await new Command('simulate')
  .description('Compares scaling policies on a trace of requests.')
  .requiredOption(
    '--trace <trace>',
    'a file in the format of the Azure LLM traces, or synthetic:conv, synthetic:code',
  )
  .addOption(new Option('--policy <policy>', 'which').choices(CHOICES).default('all'))
  .option('--start-delay <seconds>', 'from the order of a worker to its first call', positive, 60)
  .option('--seed <number>', 'of the lanes and of synthetic requests', positive, 1)
  .option(
    '--seeds <number>',
    'so many, from this one on: the figures are their means, the steps their worst',
    positive,
    1,
  )
  .option('--slots-per-worker <number>', '', positive, COMPARISON_DEFAULTS.slotsPerWorker)
  .option('--lag-threshold <number>', "KEDA's, for each worker", positive, COMPARISON_DEFAULTS.lagThreshold)
  .option(
    '--warm-up <seconds>',
    'at the beginning, which no figure counts',
    positive,
    COMPARISON_DEFAULTS.warmUpMs / 1000,
  )
  .addOption(
    new Option('--count <unit>', "what the service's own policies count; the service counts messages")
      .choices(COUNTED)
      .default('tokens'),
  )
  .option('--max-slots <number>', 'the ceiling of all policies; twice the static peak if not given', positive)
  .option('--no-steps', 'without the load step, which takes as long again')
  .option('--json', 'the report as JSON')
  .option('--plot <file>', 'draws load, size and wait over time into an SVG file')
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof TraceFormatError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });

async function main(options: Options): Promise<void> {
  const seeds = Array.from({ length: options.seeds }, (_, at) => options.seed + at);
  const comparisons = await Promise.all(seeds.map((seed) => comparisonOf(options, seed)));
  const names = options.policy === 'all' ? NAMES : [options.policy as PolicyName];
  const compared = names.map((name) => ({ name, runs: comparisons.map((one) => simulate(name, one)) }));
  const rows: Row[] = compared.map(({ name, runs }) => ({
    report: averageOf(runs.map(({ report }) => report)),
    step: stepsOf(name, options, comparisons),
  }));
  if (options.plot !== undefined) {
    const plotted = compared.map(({ name, runs }) => ({ name, seconds: runs[0]!.run.seconds }));
    await writeFile(
      options.plot,
      plotOf(`${options.trace}, ${options.startDelay} s to start a worker`, plotted),
    );
  }
  const statistics = comparisons.map(({ trace }) => statisticsOf(trace));
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ options, statistics, policies: rows }, null, 2)}\n`
      : `${statistics.map(statisticsWords).join('\n')}\n${tableOf(rows)}\n`,
  );
}

async function comparisonOf(options: Options, seed: number): Promise<Comparison> {
  return {
    ...COMPARISON_DEFAULTS,
    ...{ trace: await traceOf(options.trace, seed), seed },
    ...{ startDelayMs: options.startDelay * 1000, warmUpMs: options.warmUp * 1000 },
    ...{ slotsPerWorker: options.slotsPerWorker, lagThreshold: options.lagThreshold },
    ...{ maxSlots: options.maxSlots ?? null, counted: options.count },
  };
}

function stepsOf(
  name: PolicyName,
  { steps }: Options,
  comparisons: readonly Comparison[],
): StepReport | null {
  if (!steps || name.startsWith('static') || name === 'oracle') return null;
  return worstOf(comparisons.map((one) => simulateStep(name, one)));
}

function statisticsWords({ requests, perSecond, gapVariation, ...peak }: TraceStatistics): string {
  return (
    `${requests} requests, ${perSecond.toFixed(2)} a second; variation of the gaps ${gapVariation.toFixed(1)}, ` +
    `peak/mean ${peak.peakToMeanOf1s.toFixed(1)} over 1 s and ${peak.peakToMeanOf60s.toFixed(1)} over 60 s`
  );
}

async function traceOf(trace: string, seed: number): Promise<TracedRequest[]> {
  if (trace === 'synthetic:conv') return syntheticTrace('conv', seed);
  if (trace === 'synthetic:code') return syntheticTrace('code', seed);
  try {
    return readAzureTrace(await readFile(trace, 'utf8'));
  } catch (error) {
    throw new TraceFormatError(`${trace}: ${(error as Error).message}`, { cause: error });
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It is a number above 0.');
  return value;
}
