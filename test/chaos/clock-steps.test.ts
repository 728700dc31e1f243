import { setTimeout as sleep } from 'node:timers/promises';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { FAKE_TIME_LIBRARY, fakeClock } from '../support/fake-time.js';
import { startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { brokenPromises } from './promises.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';

const ROUNDS = rounds(3);
const HOUR_S = 3_600;
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);

(FAKE_TIME_LIBRARY === null ? describe.skip : describe)(
  `a clock that is set under load, ${ROUNDS} times`,
  () => {
    it('keeps every promise, and the work goes on at each step', async () => {
      const folder = await makeTempDir('llmq-clock');
      const clock = await fakeClock(folder);
      const service = await startService({ env: clock.env, config: { demo: { tokens_per_second: 400 } } });
      const load = startSteadyLoad(8, (index) => `Question ${index}: what time is it?`);
      load.aimAt(service.baseUrl);
      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          await sleep(randomMs(300, 1_500));
          await clock.set(Math.round((2 * Math.random() - 1) * HOUR_S));
          const before = load.accepted.size;
          await eventually(() => expect(load.accepted.size).toBeGreaterThan(before + 10), {
            withinMs: 180_000,
          });
        }
        await load.stop();
        tell(`${ROUNDS} steps of the clock, ${load.accepted.size} messages accepted`);
        const addresses = await serviceAddresses(service.dataDir);
        expect(await brokenPromises(addresses, load.accepted, ANSWER)).toEqual([]);
      } finally {
        await load.stop();
        await service.stop();
        await removeTempDir(folder);
      }
    }, 600_000);
  },
);
