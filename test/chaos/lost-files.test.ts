import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { embeddedServerPid, endEmbeddedServers, runningServers } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { brokenPromises } from './promises.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';

const ROUNDS = rounds(2);
/** Also where the disk is busy with what others wrote: PostgreSQL writes out all that it has. */
const STOPS_WITHIN_MS = 120_000;
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);

describe(`lost files under load, ${ROUNDS} times`, () => {
  it('keeps every promise without the folder of records, and with a database that is made anew', async () => {
    const dataDir = await makeTempDir('llmq-chaos');
    const start = () =>
      startService({
        ...{ dataDir, ownCluster: true },
        config: { demo: { tokens_per_second: 400 }, queue: { worker: { ack_wait_ms: 3_000 } } },
      });
    const load = startSteadyLoad(8, (index) => `Question ${index}: where is it?`);
    let service: RunningService | null = null;
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        service ??= await start();
        load.aimAt(service.baseUrl);
        await eventually(() => expect(load.accepted.size).toBeGreaterThan(10 * (round + 1)), {
          withinMs: 180_000,
        });
        await sleep(randomMs(200, 2_000));
        if (round % 2 === 0) await loseRecords(dataDir);
        else {
          load.aimAt(null);
          await service.kill('SIGKILL');
          service = null;
          await loseDatabase(dataDir, start);
        }
      }
      service ??= await start();
      load.aimAt(service.baseUrl);
      const before = load.accepted.size;
      await eventually(() => expect(load.accepted.size).toBeGreaterThan(before + 20), { withinMs: 180_000 });
      await load.stop();
      tell(`${ROUNDS} times lost files, ${load.accepted.size} messages accepted`);
      const addresses = await serviceAddresses(dataDir);
      expect(await brokenPromises(addresses, load.accepted, ANSWER)).toEqual([]);
      const begunAt = performance.now();
      expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(performance.now() - begunAt).toBeLessThan(STOPS_WITHIN_MS);
    } finally {
      await load.stop();
      await service?.stop();
      await removeTempDir(dataDir);
    }
  }, 900_000);
});

/** The records of the servers' processes go, and one of the servers dies. */
async function loseRecords(dataDir: string): Promise<void> {
  const nats = await embeddedServerPid(dataDir, 'nats');
  await rm(join(dataDir, 'run'), { recursive: true });
  process.kill(nats!, 'SIGKILL');
  await eventually(async () => expect(await runningServers(dataDir)).toEqual(['nats', 'postgres']), {
    withinMs: 180_000,
  });
}

async function loseDatabase(dataDir: string, start: () => Promise<RunningService>): Promise<void> {
  await endEmbeddedServers(dataDir);
  const postgres = join(dataDir, 'postgres');
  await rm(join(postgres, 'global', 'pg_control'));
  const told = await start().then(
    () => 'it started',
    ({ message }: Error) => message,
  );
  expect(told).toContain(`remove the folder ${postgres}`);
  await rm(postgres, { recursive: true });
}
