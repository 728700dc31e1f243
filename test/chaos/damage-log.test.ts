import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endEmbeddedServers } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { caughtUp, comeBackFromLoss } from './lost-records.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';

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
        await eventually(() => expect(load.accepted.size).toBeGreaterThan(20), { withinMs: 180_000 });
        await sleep(randomMs(200, 2_000));
        await load.stop();
        await caughtUp(service);
        await service.kill('SIGKILL');
        await endEmbeddedServers(dataDir);
        await changeBytes(dataDir);

        service = await start();
        lostInAll += await comeBackFromLoss(service, load.accepted.keys());
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
