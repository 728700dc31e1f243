import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SCALE_STRATEGIES } from '../policy/scale-settings.policy.js';
import { readAzureTrace } from './azure-trace.js';
import { BASELINES, COMPARISON_DEFAULTS, type PolicyName, simulate, simulateStep } from './compare.js';
import { plotOf } from './plot.js';
import { type SyntheticKind, syntheticTrace } from './synthetic-trace.js';
import { type Row, tableOf } from './table.js';
import { statisticsOf, type TracedRequest } from './trace.js';

/** `npm run simulate -- --trace synthetic:code --start-delay 60`: what each scaling policy would have made of a load. */
interface Options {
  readonly trace: string;
  readonly policy: string;
  readonly startDelay: number;
  readonly seed: number;
  readonly slotsPerWorker: number;
  readonly lagThreshold: number;
  readonly warmUp: number;
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
  .option('--slots-per-worker <number>', '', positive, COMPARISON_DEFAULTS.slotsPerWorker)
  .option('--lag-threshold <number>', "KEDA's, for each worker", positive, COMPARISON_DEFAULTS.lagThreshold)
  .option(
    '--warm-up <seconds>',
    'at the beginning, which no figure counts',
    positive,
    COMPARISON_DEFAULTS.warmUpMs / 1000,
  )
  .option('--max-slots <number>', 'the ceiling of all policies; twice the static peak if not given', positive)
  .option('--no-steps', 'without the load step, which takes as long again')
  .option('--json', 'the report as JSON')
  .option('--plot <file>', 'draws load, size and wait over time into an SVG file')
  .action(main)
  .parseAsync();

async function main(options: Options): Promise<void> {
  const kind: SyntheticKind = options.trace === 'synthetic:conv' ? 'conv' : 'code';
  const trace = await traceOf(options);
  const comparison = {
    ...COMPARISON_DEFAULTS,
    ...{
      trace,
      seed: options.seed,
      startDelayMs: options.startDelay * 1000,
      warmUpMs: options.warmUp * 1000,
    },
    ...{ slotsPerWorker: options.slotsPerWorker, lagThreshold: options.lagThreshold },
    maxSlots: options.maxSlots ?? null,
  };
  const names = options.policy === 'all' ? NAMES : [options.policy as PolicyName];
  const compared = names.map((name) => {
    const reacts = options.steps && !name.startsWith('static') && name !== 'oracle';
    return { ...simulate(name, comparison), step: reacts ? simulateStep(name, kind, comparison) : null };
  });
  const rows: Row[] = compared.map(({ report, step }) => ({ report, step }));
  const statistics = statisticsOf(trace);
  if (options.plot !== undefined) {
    const plotted = compared.map(({ report, run }) => ({ name: report.policy, seconds: run.seconds }));
    await writeFile(
      options.plot,
      plotOf(`${options.trace}, ${options.startDelay} s to start a worker`, plotted),
    );
  }
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ options, statistics, policies: rows }, null, 2)}\n`
      : `${statistics.requests} requests, ${statistics.perSecond.toFixed(2)} a second; variation of the gaps ${statistics.gapVariation.toFixed(1)}, ` +
          `peak/mean ${statistics.peakToMeanOf1s.toFixed(1)} over 1 s and ${statistics.peakToMeanOf60s.toFixed(1)} over 60 s\n${tableOf(rows)}\n`,
  );
}

async function traceOf({ trace, seed }: Options): Promise<TracedRequest[]> {
  if (trace === 'synthetic:conv') return syntheticTrace('conv', seed);
  if (trace === 'synthetic:code') return syntheticTrace('code', seed);
  return readAzureTrace(await readFile(trace, 'utf8'));
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It is a number above 0.');
  return value;
}
