import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { systemSources } from '../../../platform/clock.js';
import { Api } from '../client/api.js';
import { CommandError } from '../command.error.js';
import type { EndpointRow } from '../endpoints/endpoints-text.policy.js';
import { readEndpoints } from '../endpoints/read-endpoints.js';
import { EXIT } from '../exit-codes.policy.js';
import { waitMs } from '../messages/message-options.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { paintFor, writeJsonLine } from '../terminal/terminal.js';
import type { ToldLanes } from './lanes-text.policy.js';
import { type Reading, topText } from './top-text.policy.js';
import { WholeScreen } from './whole-screen.js';

interface TopOptions extends ServiceOptions {
  readonly interval: number;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** `llmq top`. */
export function topCommand(command: Command, signal: AbortSignal): void {
  command
    .option('-i, --interval <duration>', 'between two looks', waitMs, 2_000)
    .option('--once', 'looks once; where the output is no terminal it does so anyway, except with --json')
    .option('--json', 'a line of JSON for each look');
  withServiceOptions(command).action((options: TopOptions) => top(options, signal));
}

async function top(options: TopOptions, signal: AbortSignal): Promise<void> {
  const api = await Api.of(options, signal);
  const first = await look(api);
  if (options.once || (!options.json && !process.stdout.isTTY)) return show(first, api, options);
  if (options.json) return await lookOn(api, first, options, signal, writeJsonLine);
  const screen = new WholeScreen(signal, paintFor(process.stdout));
  try {
    await lookOn(api, first, options, screen.closed, (reading) => screen.show(textOf(reading, api)));
  } finally {
    screen.close();
  }
}

/** Until it is interrupted, which is the only end of it. */
async function lookOn(
  api: Api,
  first: Reading,
  { interval }: TopOptions,
  until: AbortSignal,
  tell: (reading: Reading) => void,
): Promise<void> {
  const within = api.until(until);
  try {
    for (let reading = first; ; reading = await look(within)) {
      tell(reading);
      await sleep(interval, undefined, { signal: until });
    }
  } catch (error) {
    if (!until.aborted) throw error;
  }
}

function show(reading: Reading, api: Api, { json }: TopOptions): void {
  if (json) writeJsonLine(reading);
  else process.stdout.write(textOf(reading, api));
}

function textOf(reading: Reading, api: Api): string {
  return topText(reading, api.address);
}

async function look(api: Api): Promise<Reading> {
  const [lanes, endpoints] = await Promise.all([
    api.get<ToldLanes>('/api/v1/queues/status'),
    readEndpoints(api).catch(nothingToSee),
  ]);
  return { at: new Date(systemSources.nowMs()).toISOString(), lanes, endpoints };
}

/** Lanes are everybody's, endpoints an operator's. */
function nothingToSee(error: unknown): EndpointRow[] | null {
  if (error instanceof CommandError && error.exitCode === EXIT.notAllowed) return null;
  throw error;
}
