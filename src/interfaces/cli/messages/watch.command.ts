import type { Command } from 'commander';
import { Api } from '../client/api.js';
import { liveEvents } from '../client/live-events.js';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { painted } from '../terminal/colour.policy.js';
import { plainLine } from '../terminal/plain-text.policy.js';
import { paintFor, writeJsonLine } from '../terminal/terminal.js';
import { followMessage } from './follow-message.js';
import { waitMs } from './message-options.js';
import { standingText, type ToldMessage } from './message-text.policy.js';

interface WatchOptions extends ServiceOptions {
  readonly conversation?: string;
  readonly user?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** `llmq watch`. */
export function watchCommand(command: Command, signal: AbortSignal): void {
  command
    .argument('[id]', 'of a message: writes its answer as it comes')
    .option(
      '-c, --conversation <id>',
      'all messages of this conversation, a line for each change, until it is interrupted',
    )
    .option('-u, --user <id>', 'the same for all messages of this user')
    .option('-t, --timeout <duration>', 'a message: waits so long at most, as 5m; exit code 7 then', waitMs)
    .option('--json', 'a line of JSON for each event');
  withServiceOptions(command).action(async (id: string | undefined, options: WatchOptions) => {
    process.exitCode = await watch(id, options, signal);
  });
}

async function watch(id: string | undefined, options: WatchOptions, signal: AbortSignal): Promise<number> {
  const { conversation, user, json = false, timeout = null } = options;
  const [named, another] = [id, conversation, user].filter((each) => each !== undefined);
  if (named === undefined || another !== undefined)
    throw new CommandError('Give the id of a message, or --conversation, or --user.', EXIT.failed);
  const api = await Api.of(options, signal);
  if (id !== undefined) return await followMessage(api, id, { stream: true, json, timeoutMs: timeout });
  const path = `/api/v1/${conversation === undefined ? 'users' : 'conversations'}/${encodeURIComponent(named)}/stream`;
  try {
    for await (const event of liveEvents(api, path)) {
      if (json) writeJsonLine(event);
      else if (event.type === 'status' || event.type === 'ended') writeChange(event.message);
    }
  } catch (error) {
    // To be interrupted is the only end that such a stream has.
    if (!signal.aborted) throw error;
  }
  return EXIT.done;
}

function writeChange(message: ToldMessage): void {
  const paint = paintFor(process.stdout);
  const { id, status, error } = message;
  const standing = standingText(message).replace(status, painted(paint, status));
  process.stdout.write(`${id}  ${standing}${error ? `: ${plainLine(error.message)}` : ''}\n`);
}
