import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Api } from '../client/api.js';
import { firstOf } from '../client/pages.js';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import { count } from '../messages/message-options.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { progressOf } from '../terminal/progress.js';
import { paintFor, tell, writeJson, writeJsonLine } from '../terminal/terminal.js';
import {
  batchesText,
  batchHasEnded,
  batchText,
  exitCodeOfBatch,
  progressText,
  type ToldBatch,
} from './batch-text.policy.js';
import { type UploadOptions, upload } from './upload.js';

interface BatchOptions extends ServiceOptions, UploadOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
  readonly limit: number;
  readonly output?: string;
}

const BETWEEN_LOOKS_MS = 1_000;

/** `llmq batch`: the lines of a file as messages that nobody waits for. */
export function batchCommand(batch: Command, signal: AbortSignal): void {
  const part = (name: string, description: string) =>
    withServiceOptions(batch.command(name).description(description).option('--json', 'as JSON'));
  const apiOf = (options: BatchOptions) => Api.of(options, signal);

  part('upload', 'submits the lines of a file, and writes the id of the batch')
    .alias('submit')
    .argument('<file>', 'NDJSON, a line {"custom_id", "body"} for each request; - is standard input')
    .option('--endpoint <path>', 'what the lines ask for; by default /v1/chat/completions')
    .option('--window <duration>', 'the time that it has, of 7 days at most; by default 24h')
    .option('--callback-url <address>', 'is told by a webhook when the batch has ended')
    .option('-w, --watch', 'goes on as `llmq batch watch` does')
    .action(async (file: string, options: BatchOptions) => {
      const api = await apiOf(options);
      const made = await upload(api, file, options);
      if (options.watch) process.exitCode = await watch(api, made.id, options);
      else if (options.json) writeJson(made);
      else process.stdout.write(`${made.id}\n`);
    });

  part('list', 'batches, the newest first')
    .option('-n, --limit <number>', 'so many at most', count, 20)
    .action(async (options: BatchOptions) => {
      const batches = await firstOf<ToldBatch>(await apiOf(options), '/api/v1/batches', {}, options.limit);
      if (options.json) writeJson(batches);
      else process.stdout.write(batchesText(batches));
    });

  part('get', 'how far a batch is')
    .argument('<id>')
    .action(async (id: string, options: BatchOptions) => {
      const found = await (await apiOf(options)).get<ToldBatch>(pathOf(id));
      if (options.json) writeJson(found);
      else process.stdout.write(batchText(found, paintFor(process.stdout)));
    });

  part('watch', 'follows a batch to its end; exit code 4 unless each line got its answer')
    .argument('<id>')
    .action(async (id: string, options: BatchOptions) => {
      process.exitCode = await watch(await apiOf(options), id, options);
    });

  part('fetch', 'writes the results of a batch that has ended, as NDJSON')
    .argument('<id>')
    .option('-o, --output <file>', 'to this file instead of standard output')
    .action(async (id: string, options: BatchOptions) => fetchResults(await apiOf(options), id, options));

  part('cancel', 'cancels a batch; what was answered stays')
    .argument('<id>')
    .action(async (id: string, options: BatchOptions) => {
      const cancelled = await (await apiOf(options)).json<ToldBatch>('POST', `${pathOf(id)}/cancel`);
      if (options.json) writeJson(cancelled);
      else process.stdout.write(`${cancelled.id}  ${progressText(cancelled)}\n`);
    });
}

/** @returns the exit code */
async function watch(api: Api, id: string, { json }: BatchOptions): Promise<number> {
  const progress = await progressOf('', 'lines');
  let told = '';
  try {
    for (;;) {
      const batch = await api.get<ToldBatch>(pathOf(id));
      const { total, completed, failed } = batch.lines;
      if (!json && total > 0) progress.show(completed + failed, total, batch.status);
      const text = progressText(batch);
      if (json && text !== told) writeJsonLine(batch);
      told = text;
      if (batchHasEnded(batch)) {
        progress.end();
        if (!json) process.stdout.write(batchText(batch, paintFor(process.stdout)));
        return exitCodeOfBatch(batch);
      }
      await sleep(BETWEEN_LOOKS_MS, undefined, { signal: api.signal });
    }
  } finally {
    progress.end();
  }
}

async function fetchResults(api: Api, id: string, { output }: BatchOptions): Promise<void> {
  const answer = await api.open('GET', `${pathOf(id)}/results`);
  if (answer.body === null) throw new CommandError(`The batch ${id} has no results.`, EXIT.noAnswer);
  const lines = Readable.fromWeb(answer.body as import('node:stream/web').ReadableStream);
  if (output === undefined) return await pipeline(lines, process.stdout, { end: false });
  await pipeline(lines, createWriteStream(output));
  tell(`The results are in ${output}.`);
}

function pathOf(id: string): string {
  return `/api/v1/batches/${encodeURIComponent(id)}`;
}
