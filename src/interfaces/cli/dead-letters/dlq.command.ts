import type { Command } from 'commander';
import { Option } from 'commander';
import { LANES } from '../../../domain/message/lane.policy.js';
import { Api } from '../client/api.js';
import { firstOf } from '../client/pages.js';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import { count } from '../messages/message-options.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { StatusLine, tell, writeJson } from '../terminal/terminal.js';
import {
  deadLettersText,
  deadLetterText,
  type ToldDeadLetter,
  type ToldDeadLetterDetail,
} from './dead-letters-text.policy.js';

interface Filter {
  readonly user?: string;
  readonly priority?: string;
  readonly model?: string;
  readonly error?: string;
  readonly after?: string;
  readonly before?: string;
}

interface DlqOptions extends ServiceOptions, Filter {
  readonly json?: boolean;
  readonly limit: number;
  readonly all?: boolean;
  readonly reason?: string;
}

interface Requeued {
  readonly requeued: number;
  readonly past_deadline: number;
  readonly more: boolean;
}

const PATH = '/api/v1/admin/dead-letters';

/** `llmq dlq`: for admins. */
export function dlqCommand(dlq: Command, signal: AbortSignal): void {
  const part = (name: string, description: string) =>
    withServiceOptions(dlq.command(name).description(description).option('--json', 'as JSON'));
  const apiOf = (options: DlqOptions) => Api.of(options, signal);

  withFilter(part('list', 'messages that failed for good, the newest failure first'))
    .option('-n, --limit <number>', 'so many at most', count, 50)
    .action(async (options: DlqOptions) => {
      const letters = await firstOf<ToldDeadLetter>(
        await apiOf(options),
        PATH,
        filterOf(options),
        options.limit,
      );
      if (options.json) writeJson(letters);
      else process.stdout.write(deadLettersText(letters));
    });

  part('show', 'one of them, with the error of every attempt')
    .argument('<id>')
    .action(async (id: string, options: DlqOptions) => {
      const letter = await (await apiOf(options)).get<ToldDeadLetterDetail>(pathOf(id));
      if (options.json) writeJson(letter);
      else process.stdout.write(deadLetterText(letter));
    });

  withFilter(part('requeue', 'puts messages back into their lanes, with all their retries again'))
    .argument('[id...]', 'of messages; without one give a filter, or --all')
    .option('--all', 'all of them')
    .option('--reason <text>', 'why; it goes into the log')
    .action(async (ids: string[], options: DlqOptions) => {
      const done = await requeue(await apiOf(options), ids, options);
      if (options.json) writeJson(done);
      else process.stdout.write(requeuedText(done));
    });

  part('discard', 'takes messages off the list; they stay readable')
    .argument('<id...>')
    .action(async (ids: string[], options: DlqOptions) => {
      const api = await apiOf(options);
      for (const id of ids) await api.json('DELETE', pathOf(id));
      if (options.json) writeJson({ discarded: ids.length });
      else process.stdout.write(`${ids.length} discarded.\n`);
    });
}

function withFilter(command: Command): Command {
  return command
    .option('-u, --user <id>', 'of this user')
    .addOption(new Option('-p, --priority <lane>', 'of this lane').choices(LANES))
    .option('-m, --model <name>', 'that asked for this model')
    .option('-e, --error <code>', 'with this code, as endpoint_error')
    .option('--after <time>', 'that failed at this time or later (ISO 8601)')
    .option('--before <time>', 'that failed before this time');
}

function filterOf({ user, priority, model, error, after, before }: Filter) {
  return {
    ...{ user_id: user, priority, model },
    ...{ error_code: error, failed_after: after, failed_before: before },
  };
}

/** @throws {CommandError} where it is not clear which are meant */
async function requeue(
  api: Api,
  ids: readonly string[],
  options: DlqOptions,
): Promise<Omit<Requeued, 'more'>> {
  const filter = filterOf(options);
  const ways = [ids.length > 0, Object.values(filter).some((value) => value !== undefined), options.all];
  if (ways.filter(Boolean).length !== 1)
    throw new CommandError('Give the ids of messages, or a filter, or --all.', EXIT.failed);
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const total = { requeued: 0, past_deadline: 0 };
  const add = (one: Requeued) => {
    total.requeued += one.requeued;
    total.past_deadline += one.past_deadline;
  };
  if (ids.length > 0)
    for (const id of ids)
      add(await api.json<Requeued>('POST', `${pathOf(id)}/requeue`, { json: { ...reason } }));
  else await requeueMany(api, { ...filter, ...reason, ...(options.all ? { all: true } : {}) }, add);
  return total;
}

/** In steps: the service puts back some thousands in one request. */
async function requeueMany(api: Api, json: object, add: (one: Requeued) => void): Promise<void> {
  const status = new StatusLine();
  try {
    for (let sum = 0; ; ) {
      const one = await api.json<Requeued>('POST', `${PATH}/requeue`, { json });
      add(one);
      sum += one.requeued;
      // What is past its deadline stays: a step that only meets such ones would come again for ever.
      if (!one.more || one.requeued === 0) return;
      status.show(`${sum} requeued`);
    }
  } finally {
    status.clear();
  }
}

function requeuedText({ requeued, past_deadline: late }: Omit<Requeued, 'more'>): string {
  if (late > 0) tell(`${late} stay on the list: their deadline has passed.`);
  return `${requeued} requeued.\n`;
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}
