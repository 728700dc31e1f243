import { setTimeout as sleep } from 'node:timers/promises';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { brokenPromises } from './promises.js';
import { randomMs, rounds, tell } from './rounds.js';
import { type SteadyLoad, startSteadyLoad } from './steady-load.js';

const ROUNDS = rounds(4);
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);

describe(`SIGKILL of the service at ${ROUNDS} random moments under load`, () => {
  it('loses nothing that was accepted, and counts one result of each message', async () => {
    const dataDir = await makeTempDir('llmq-chaos');
    const load = startSteadyLoad(8, (index) => `Question ${index}: what becomes of you?`);
    const start = () =>
      startService({
        dataDir,
        config: { demo: { tokens_per_second: 400 }, queue: { worker: { ack_wait_ms: 3_000 } } },
      });
    let service: RunningService | null = null;
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        service = await start();
        load.aimAt(service.baseUrl);
        // At random, but under load: a machine that does much else takes a second for the first messages.
        await Promise.all([sleep(randomMs(200, 2_500)), moreAccepted(load, 11)]);
        await service.kill('SIGKILL');
        load.aimAt(null);
      }
      service = await start();
      load.aimAt(service.baseUrl);
      await sleep(500);
      await load.stop();
      expect(load.accepted.size).toBeGreaterThan(ROUNDS * 10);
      tell(`${ROUNDS} kills of the service, ${load.accepted.size} messages accepted`);
      const addresses = await serviceAddresses(dataDir);
      expect(await brokenPromises(addresses, load.accepted, ANSWER)).toEqual([]);
    } finally {
      await load.stop();
      await service?.stop();
      await removeTempDir(dataDir);
    }
  }, 900_000);
});

async function moreAccepted(load: SteadyLoad, count: number): Promise<void> {
  const before = load.accepted.size;
  await eventually(() => expect(load.accepted.size).toBeGreaterThanOrEqual(before + count), {
    withinMs: 180_000,
  });
}
