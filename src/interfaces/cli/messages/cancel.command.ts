import type { Command } from 'commander';
import { Api } from '../client/api.js';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { tell, writeJsonLine } from '../terminal/terminal.js';
import type { ToldMessage } from './message-text.policy.js';

interface CancelOptions extends ServiceOptions {
  readonly json?: boolean;
}

/** `llmq cancel`. */
export function cancelCommand(command: Command, signal: AbortSignal): void {
  command
    .argument('<id...>', 'of messages that wait or run')
    .option('--json', 'a line of JSON for each message that was cancelled');
  withServiceOptions(command).action(async (ids: string[], options: CancelOptions) => {
    process.exitCode = await cancel(ids, options, signal);
  });
}

/** Goes on behind one that can't be cancelled. @returns the exit code of the last that could not */
async function cancel(ids: readonly string[], options: CancelOptions, signal: AbortSignal): Promise<number> {
  const api = await Api.of(options, signal);
  let exitCode: number = EXIT.done;
  for (const id of ids) {
    try {
      const message = await api.json<ToldMessage>('DELETE', `/api/v1/messages/${encodeURIComponent(id)}`);
      if (options.json) writeJsonLine(message);
      else process.stdout.write(`${message.id}  ${message.status}\n`);
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode === EXIT.notReached) throw error;
      tell(`llmq: ${error.message}`);
      exitCode = error.exitCode;
    }
  }
  return exitCode;
}
