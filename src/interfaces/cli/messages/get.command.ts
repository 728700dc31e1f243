import type { Command } from 'commander';
import { Api } from '../client/api.js';
import { EXIT, exitCodeOfEnd } from '../exit-codes.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { table } from '../table.policy.js';
import { timeText } from '../terminal/amounts.policy.js';
import { plainLine } from '../terminal/plain-text.policy.js';
import { paintFor, writeJson, writeWords } from '../terminal/terminal.js';
import { answerText, messageText, type ToldMessage } from './message-text.policy.js';

interface GetOptions extends ServiceOptions {
  readonly answer?: boolean;
  readonly events?: boolean;
  readonly json?: boolean;
}

interface Timeline {
  readonly data: readonly {
    readonly sequence: number;
    readonly time: string;
    readonly type: string;
    readonly text: string;
  }[];
  readonly next_after: number | null;
}

/** `llmq get`. */
export function getCommand(command: Command, signal: AbortSignal): void {
  command
    .argument('<id>', 'of a message')
    .option('-a, --answer', 'only what the model said; exit code 4 while there is none')
    .option('--events', 'its timeline')
    .option('--json', 'as JSON');
  withServiceOptions(command).action(async (id: string, options: GetOptions) => {
    const api = await Api.of(options, signal);
    process.exitCode = options.events ? await showTimeline(api, id, options) : await show(api, id, options);
  });
}

async function show(api: Api, id: string, { answer, json }: GetOptions): Promise<number> {
  const message = await api.get<ToldMessage>(`/api/v1/messages/${encodeURIComponent(id)}`);
  if (json) writeJson(message);
  else {
    if (!answer) process.stdout.write(messageText(message, paintFor(process.stdout)));
    if (!answer && message.result) process.stdout.write('\n');
    if (message.result) writeWords(answerText(message.result));
  }
  return answer ? exitCodeOfEnd(message.status) : EXIT.done;
}

async function showTimeline(api: Api, id: string, { json }: GetOptions): Promise<number> {
  const entries: Timeline['data'][number][] = [];
  let after: number | null = null;
  do {
    const page: Timeline = await api.get(`/api/v1/messages/${encodeURIComponent(id)}/events`, {
      after: after ?? undefined,
    });
    entries.push(...page.data);
    after = page.next_after;
  } while (after !== null);
  if (json) writeJson({ data: entries });
  else
    process.stdout.write(
      table([
        ['time', 'what happened'],
        ...entries.map(({ time, text }) => [timeText(time), plainLine(text)]),
      ]),
    );
  return EXIT.done;
}
