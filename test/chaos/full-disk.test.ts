import { setTimeout as sleep } from 'node:timers/promises';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { startOnSmallDisk } from '../support/service-on-small-disk.js';
import { whyNoSmallDisk } from '../support/small-disk.js';
import { brokenPromises } from './promises.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';

const ROUNDS = rounds(2);
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);
const MIB = 1024 * 1024;
const missing = whyNoSmallDisk();
if (missing !== null) process.stderr.write(`No disks of their own for these tests: ${missing}\n`);

(missing === null ? describe : describe.skip).each([0, 32])(
  'a disk that is full, with %i MiB kept',
  (reserveMib) => {
    it(`${ROUNDS} times under load keeps every promise, and the service recovers by itself`, async () => {
      const service = await startOnSmallDisk(512, {
        demo: { tokens_per_second: 400 },
        queue: { worker: { ack_wait_ms: 3_000 } },
        nats: { reserve_bytes: reserveMib * MIB },
      });
      const load = startSteadyLoad(8, (index) => `Question ${index}: is there room?`);
      load.aimAt(service.baseUrl);
      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          await sleep(randomMs(500, 2_500));
          // Whatever is freed meanwhile, another program takes at once.
          const emptyAt = performance.now() + randomMs(100, 8_000);
          while (performance.now() < emptyAt) {
            await service.disk.fill(service.pid);
            await sleep(50);
          }
          await service.disk.empty(service.pid);
          const before = load.accepted.size;
          await eventually(() => expect(load.accepted.size).toBeGreaterThan(before + 5), {
            withinMs: 180_000,
          });
        }
        await load.stop();
        tell(`${ROUNDS} full disks, ${load.accepted.size} messages accepted`);
        expect(await brokenPromises(service.addresses, load.accepted, ANSWER)).toEqual([]);
      } finally {
        await load.stop();
        await service.stop();
      }
    }, 600_000);
  },
);
