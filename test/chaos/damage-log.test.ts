import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endEmbeddedServers } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { runLlmq, runRebuild } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';
import { readStories } from './story.js';

const ROUNDS = rounds(1);

describe(`16 changed bytes in the log after a crash, ${ROUNDS} times`, () => {
  it('loses nothing without a word: what the log lacks is named, and can be submitted again', async () => {
    const dataDir = await makeTempDir('llmq-chaos');
    const start = () => startService({ dataDir, config: { demo: { tokens_per_second: 400 } } });
    let service: RunningService | null = null;
    let lostInAll = 0;
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        service = await start();
        const load = startSteadyLoad(8, (index) => `Round ${round}, question ${index}: are you still there?`);
        load.aimAt(service.baseUrl);
        await eventually(() => expect(load.accepted.size).toBeGreaterThan(20));
        await sleep(randomMs(200, 2_000));
        await load.stop();
        await caughtUp(service);
        await service.kill('SIGKILL');
        await endEmbeddedServers(dataDir);
        await changeBytes(dataDir);

        service = await start();
        const ready = await fetch(`${service.baseUrl}/health/ready`);
        expect([ready.status, await ready.text()]).toEqual([503, expect.stringMatching(/lost sequences/)]);
        const { output } = await runLlmq(dataDir, 'events', 'salvage');
        const lines = output
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line));
        const salvaged = new Set(lines.map(({ metadata }) => metadata.salvaged_from));
        const stories = await readStories(await serviceAddresses(dataDir));
        const unknown = [...load.accepted.keys()].filter((id) => !stories.has(id) && !salvaged.has(id));
        expect(unknown).toEqual([]);
        lostInAll += salvaged.size;

        expect((await runRebuild(dataDir, '--force')).code).toBe(0);
        await eventually(async () => {
          expect((await fetch(`${service!.baseUrl}/health/ready`)).status).toBe(200);
        });
        for (let from = 0; from < lines.length; from += 1_000) {
          const messages = lines.slice(from, from + 1_000);
          const response = await fetch(`${service.baseUrl}/api/v1/messages/batch`, {
            ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
            body: JSON.stringify({ messages }),
          });
          expect(await response.json()).toMatchObject({ accepted: messages.length, rejected: 0 });
        }
        await service.stop();
        service = null;
      }
      tell(`${ROUNDS} damaged logs, ${lostInAll} lost messages named and submitted again`);
    } finally {
      await service?.stop();
      await removeTempDir(dataDir);
    }
  }, 900_000);
});

async function caughtUp({ baseUrl }: RunningService): Promise<void> {
  await eventually(
    async () => {
      const text = await (await fetch(`${baseUrl}/health/ready`)).text();
      expect(text).toContain('up to date with the log');
    },
    { withinMs: 60_000 },
  );
}

/** In the block that was written last, and without the broker's note of where its blocks end, as after a power cut. */
async function changeBytes(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'nats/jetstream/$G/streams/LLMQ_EVENTS/msgs');
  await rm(join(folder, 'index.db'), { force: true });
  const blocks = (await readdir(folder)).filter((name) => name.endsWith('.blk'));
  const last = blocks.sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10)).at(-1)!;
  const { size } = await stat(join(folder, last));
  const file = await open(join(folder, last), 'r+');
  await file.write(Buffer.from('################'), 0, 16, Math.floor(size * (0.1 + 0.8 * Math.random())));
  await file.close();
}
