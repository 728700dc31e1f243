import type { Command } from 'commander';
import { Api } from './client/api.js';
import { lanesText, type ToldLanes } from './live/lanes-text.policy.js';
import { type ServiceOptions, withServiceOptions } from './service-url.js';
import { statusJson, statusText } from './status.policy.js';
import { writeJson } from './terminal/terminal.js';

interface StatusOptions extends ServiceOptions {
  readonly showSecrets?: boolean;
  readonly json?: boolean;
}

interface ToldHealth {
  readonly status: string;
  readonly version?: string;
}

/** `llmq status`. With `--url` of that service alone: what is set up on this machine need not be its own. */
export function statusCommand(command: Command, signal: AbortSignal): void {
  command.option('--show-secrets', 'shows passwords too').option('--json', 'as JSON');
  withServiceOptions(command).action(async (options: StatusOptions) => {
    const isNamed = command.getOptionValueSource('url') === 'cli';
    await (isNamed ? showService(options, signal) : showMachine(options));
  });
}

async function showMachine({ showSecrets = false, json }: StatusOptions): Promise<void> {
  const { localStatus } = await import('./local-status.js');
  const status = await localStatus();
  if (json) writeJson(statusJson(status, showSecrets));
  else process.stdout.write(statusText(status, showSecrets));
}

async function showService(options: StatusOptions, signal: AbortSignal): Promise<void> {
  const api = await Api.of(options, signal);
  const health = await api.get<ToldHealth>('/api/v1/health');
  const { data: lanes, workers } = await api.get<ToldLanes>('/api/v1/queues/status');
  if (options.json) return writeJson({ service: api.address, ...health, workers, lanes });
  const version = health.version === undefined ? '' : `, version ${health.version}`;
  process.stdout.write(
    `${api.address} is ${health.status}${version}. Workers: ${workers}.\n\n${lanesText(lanes)}`,
  );
}
