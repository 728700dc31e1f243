import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { Api } from '../client/api.js';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { paintFor, tell, writeJson } from '../terminal/terminal.js';
import { askedWords } from './asked-words.js';
import { followMessage } from './follow-message.js';
import { defaultUser, waitMs, withSubmissionOptions } from './message-options.js';
import { standingText, type ToldMessage } from './message-text.policy.js';
import { bodyOfJson, bodyOfWords, type SubmissionBody, type SubmissionOptions } from './submission.policy.js';

interface SubmitOptions extends ServiceOptions, SubmissionOptions {
  readonly file?: string;
  readonly body?: boolean;
  readonly key?: string;
  readonly wait?: boolean;
  readonly stream?: boolean;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** `llmq submit`. */
export function submitCommand(command: Command, signal: AbortSignal): void {
  command
    .argument('[text...]', 'what is asked; without it standard input, where something is piped in')
    .option('-f, --file <path>', 'asks what is in this file; - is standard input');
  withSubmissionOptions(command)
    .option('--body', 'what is given is a whole body of POST /api/v1/messages, as JSON')
    .option(
      '--key <key>',
      'an Idempotency-Key: the same one again submits nothing new; by default one of its own',
    )
    .option('-w, --wait', 'waits for the end, and writes the answer')
    .option('--stream', 'the same, and writes the answer as it comes')
    .option(
      '-t, --timeout <duration>',
      'waits so long at most, as 5m; exit code 7 then, and the message goes on',
      waitMs,
    )
    .option('--json', 'the message as JSON; with --stream a line of JSON for each event');
  withServiceOptions(command).action(async (words: string[], options: SubmitOptions) => {
    process.exitCode = await submit(words, options, signal);
  });
}

/** @returns the exit code */
async function submit(
  words: readonly string[],
  options: SubmitOptions,
  signal: AbortSignal,
): Promise<number> {
  const body = bodyOf(await askedWords(words, options.file), options);
  const api = await Api.of(options, signal);
  const { key = randomUUID(), json = false, stream = false, wait, timeout = null } = options;
  const accepted = await api.json<ToldMessage>('POST', '/api/v1/messages', {
    json: body,
    headers: { 'idempotency-key': key },
  });
  if (stream || wait || timeout !== null)
    return await followMessage(api, accepted.id, { stream, json, timeoutMs: timeout });
  if (json) writeJson(accepted);
  else {
    // Alone on standard output: id=$(llmq submit ...).
    process.stdout.write(`${accepted.id}\n`);
    if (process.stdout.isTTY)
      tell(
        paintFor(process.stderr)('dim', `${standingText(accepted)}. Its answer: llmq watch ${accepted.id}`),
      );
  }
  return EXIT.done;
}

function bodyOf(asked: string, options: SubmitOptions): SubmissionBody {
  if (!options.body) return bodyOfWords(asked, options, options.user ?? defaultUser());
  let parsed: unknown;
  try {
    parsed = JSON.parse(asked);
  } catch (error) {
    throw new CommandError(`The body is no JSON: ${(error as Error).message}`, EXIT.failed);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new CommandError('The body is no object.', EXIT.failed);
  return bodyOfJson(parsed as Readonly<Record<string, unknown>>, options, defaultUser());
}
