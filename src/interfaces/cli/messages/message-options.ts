import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { LANES } from '../../../domain/message/lane.policy.js';
import { durationMs } from '../../rest/duration.policy.js';
import { type Entry, entryOf } from './submission.policy.js';

/** What a message can be given beside its words. */
export function withSubmissionOptions(command: Command): Command {
  return command
    .option('-u, --user <id>', 'the user that the message belongs to; by default the one of this machine')
    .option('-c, --conversation <id>', 'makes the message a turn of this conversation')
    .option('-m, --model <name>', 'one of those that are served; without it the default model')
    .addOption(new Option('-p, --priority <lane>', 'without it the service chooses').choices(LANES))
    .option('-s, --system <text>', 'a system prompt for this message')
    .option('--param <name=value>', 'passed to the model, as temperature=0.2; repeatable', gatherEntries)
    .option('--metadata <name=value>', 'your own data, returned unchanged; repeatable', gatherEntries)
    .option('--delay <duration>', 'starts after this time, as 90s or 12h')
    .option('--at <time>', 'starts at this time (ISO 8601)')
    .option('--ttl <duration>', 'expires after this time')
    .option('--deadline <time>', 'expires at this time (ISO 8601)')
    .option('--max-retries <number>', 'attempts after the first', count)
    .option('--call-timeout <seconds>', 'time limit of one call to the model', count)
    .option('--fallback <model>', 'answers where no endpoint of the model can; repeatable', gather)
    .option('--callback-url <address>', 'is told by a webhook when the message has ended');
}

/** The account of this machine, where nobody is named. */
export function defaultUser(): string {
  const named = process.env['LLMQ_USER'];
  if (named) return named;
  try {
    return userInfo().username;
  } catch {
    // A container's user may have no name.
    return 'llmq';
  }
}

export function waitMs(text: string): number {
  const ms = durationMs(text);
  if (ms !== null && ms > 0) return ms;
  throw new InvalidArgumentError('Give a duration, such as 90s, 5m or 12h.');
}

export function count(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

function gather(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

export function gatherEntries(value: string, earlier: readonly Entry[] = []): Entry[] {
  const entry = entryOf(value);
  if (entry === null) throw new InvalidArgumentError('Give a name and a value, as name=value.');
  return [...earlier, entry];
}
