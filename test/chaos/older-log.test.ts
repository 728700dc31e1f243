import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { caughtUp, comeBackFromLoss } from './lost-records.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';

const ROUNDS = rounds(2);
/** Each round has three starts, a salvage, and a rebuild of what all before it left: that takes a minute on a busy machine. */
const LIMIT_MS = ROUNDS * 150_000;

describe(`an older log beside newer tables, or none at all, ${ROUNDS} times`, () => {
  it(
    'loses nothing without a word: what the log lacks is named, and can be submitted again',
    async () => {
      const dataDir = await makeTempDir('llmq-chaos');
      const start = () => startService({ dataDir, config: { demo: { tokens_per_second: 400 } } });
      const nats = join(dataDir, 'nats');
      const older = `${nats}-older`;
      let service: RunningService | null = null;
      let lostInAll = 0;

      /** @returns the ids that were accepted */
      async function answerForAWhile(running: RunningService, round: number): Promise<string[]> {
        const load = startSteadyLoad(8, (index) => `Round ${round}, question ${index}: do you remember?`);
        load.aimAt(running.baseUrl);
        try {
          await eventually(() => expect(load.accepted.size).toBeGreaterThan(10), { withinMs: 180_000 });
          await sleep(randomMs(100, 1_500));
        } finally {
          await load.stop();
        }
        await caughtUp(running);
        return [...load.accepted.keys()];
      }

      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          service = await start();
          const accepted = await answerForAWhile(service, round);
          await service.stop();
          const deleted = round % 2 === 1;
          if (!deleted) {
            await cp(nats, older, { recursive: true });
            service = await start();
            accepted.push(...(await answerForAWhile(service, round)));
            await service.stop();
          }
          await rm(nats, { recursive: true });
          if (!deleted) await rename(older, nats);

          service = await start();
          lostInAll += await comeBackFromLoss(service, accepted);
          await service.stop();
          service = null;
          tell(`${round + 1} older or deleted logs, ${lostInAll} lost messages named and submitted again`);
        }
      } finally {
        await service?.stop();
        await removeTempDir(dataDir);
      }
    },
    LIMIT_MS,
  );
});
