import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { randomMs, rounds, tell } from './rounds.js';
import { readStories } from './story.js';

const IS_LONG = rounds(2) >= 20;
const KILLS = IS_LONG ? 5 : 2;
const LINES = IS_LONG ? 5_000 : 240;

const contentOf = (at: number) => `Question ${at}: what becomes of you?`;

describe(`SIGKILL of the service ${KILLS} times in a batch of ${LINES} lines`, () => {
  it('gives each line exactly one result, and makes one message of it', async () => {
    const dataDir = await makeTempDir('llmq-chaos');
    const start = () =>
      startService({
        dataDir,
        config: {
          demo: { tokens_per_second: 400 },
          queue: { worker: { ack_wait_ms: 3_000 } },
          batches: { lines_in_flight: 40 },
        },
      });
    let service: RunningService | null = null;
    try {
      service = await start();
      const { id } = await submit(service);
      const early = new Set<string>();
      for (let kill = 0; kill < KILLS; kill += 1) {
        // At random, but while it is carried out: each time some more of its lines have ended.
        const from = Math.floor((LINES * kill) / (KILLS + 1));
        await endedLines(service, id, from);
        const { isRunning, read } = await linesSoFar(service, id);
        if (isRunning) expect(read.length).toBeGreaterThanOrEqual(from);
        for (const line of read) early.add(line);
        await sleep(randomMs(0, 1_500));
        await service.kill('SIGKILL');
        service = await start();
      }
      const client = clientOf(service);
      const batch = await eventually(
        async () => {
          const now = await client.batches.retrieve(id);
          expect(now.status).toBe('completed');
          return now;
        },
        { withinMs: 600_000, everyMs: 500 },
      );
      expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
      expect(batch.error_file_id).toBeNull();
      const text = await (await client.files.content(batch.output_file_id!)).text();
      const lines = linesIn(text);
      // What was read between the kills is what there is in the end.
      const last = new Set(lines);
      expect([...early].filter((line) => !last.has(line))).toEqual([]);
      const results = lines.map((line) => JSON.parse(line));
      expect(results.map(({ custom_id: name }) => name).sort()).toEqual(
        Array.from({ length: LINES }, (_, at) => `line-${at}`).sort(),
      );
      for (const { custom_id: name, response } of results) {
        const content = demoAnswer([{ role: 'user', content: contentOf(Number(name.slice(5))) }]);
        expect(response.body.choices[0].message.content).toBe(content);
      }
      const stories = await readStories(await serviceAddresses(dataDir));
      expect(stories.size).toBe(LINES);
      tell(`${KILLS} kills of the service in a batch of ${LINES} lines`);
    } finally {
      await service?.stop();
      await removeTempDir(dataDir);
    }
  }, 1_800_000);
});

const clientOf = ({ baseUrl }: RunningService) => new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none' });

const linesIn = (text: string) => text.split('\n').filter((line) => line !== '');

async function linesSoFar(service: RunningService, id: string) {
  const client = clientOf(service);
  const { output_file_id: file, status } = await client.batches.retrieve(id);
  const read = file == null ? [] : linesIn(await (await client.files.content(file)).text());
  return { isRunning: status === 'in_progress', read };
}

async function submit(service: RunningService): Promise<OpenAI.Batch> {
  const client = clientOf(service);
  const lines = Array.from({ length: LINES }, (_, at) => {
    const messages = [{ role: 'user', content: contentOf(at) }];
    const body = { model: 'demo', messages };
    return JSON.stringify({ custom_id: `line-${at}`, method: 'POST', url: '/v1/chat/completions', body });
  });
  const file = await client.files.create({
    file: await toFile(Buffer.from(lines.join('\n')), 'lines.jsonl'),
    purpose: 'batch',
  });
  return client.batches.create({
    ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
  });
}

/** Resolves when so many lines have ended, or the batch itself has: on a fast machine no kill meets it then. */
async function endedLines(service: RunningService, id: string, count: number): Promise<void> {
  const client = clientOf(service);
  await eventually(
    async () => {
      const { status, request_counts: counts } = await client.batches.retrieve(id);
      if (status !== 'completed') expect(counts!.completed).toBeGreaterThanOrEqual(count);
    },
    { withinMs: 300_000, everyMs: 100 },
  );
}
