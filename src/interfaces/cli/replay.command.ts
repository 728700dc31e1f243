import { type Command, InvalidArgumentError, Option } from 'commander';
import { LANES } from '../../domain/message/lane.policy.js';
import { type Price, priceOf, replayFilter } from '../../operations/replay/replay.policy.js';
import { instant, wholeNumber } from './option-values.js';
import type { ReplayOptions } from './replay.js';
import { withServiceOptions } from './service-url.js';

/** `llmq replay`: over REST, so that the service's limits and the caller's tenant hold. */
export function replayCommand(command: Command, signal: AbortSignal): void {
  command
    .requiredOption('--from <time>', 'messages received from this time on (ISO 8601)', instant)
    .requiredOption('--to <time>', 'messages received before this time', instant)
    .option(
      '--filter <key=value>',
      'user_id, conversation_id, status, priority, model, metadata.<key>; repeatable',
      gather,
      [],
    )
    .option('--model <name>', 'use this model instead')
    .addOption(new Option('--priority <lane>', 'use this lane instead').choices(LANES))
    .option('--dry-run', 'only shows what would be sent')
    .option('--json', 'one line of JSON for each message');
  withServiceOptions(command)
    .option('--at-once <number>', 'messages in progress at once', wholeNumber, 8)
    .option('--timeout <seconds>', 'time limit of one answer, in seconds', wholeNumber, 600)
    .option('--price <model=prompt/completion>', 'price of a million tokens; repeatable', price, [])
    .action(async (options: ReplayOptions) => {
      const { replay } = await import('./replay.js');
      process.exitCode = await replay(options, signal);
    });
}

function gather(value: string, earlier: readonly string[]): string[] {
  try {
    replayFilter([...earlier, value]);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return [...earlier, value];
}

function price(value: string, earlier: readonly [string, Price][]): [string, Price][] {
  try {
    return [...earlier, priceOf(value)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
