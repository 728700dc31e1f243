import { setTimeout as sleep } from 'node:timers/promises';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { embeddedServerPid } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { brokenPromises } from './promises.js';
import { randomMs, rounds, tell } from './rounds.js';
import { startSteadyLoad } from './steady-load.js';

const ROUNDS = rounds(2);
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);

describe.each(['nats', 'postgres'] as const)(`SIGKILL of %s under load, ${ROUNDS} times`, (server) => {
  it('keeps every promise, and the service recovers by itself', async () => {
    const service = await startService({
      config: { demo: { tokens_per_second: 400 }, queue: { worker: { ack_wait_ms: 3_000 } } },
    });
    const load = startSteadyLoad(8, (index) => `Question ${index}: are you still there?`);
    load.aimAt(service.baseUrl);
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        await sleep(randomMs(500, 2_500));
        process.kill((await embeddedServerPid(service.dataDir, server))!, 'SIGKILL');
        await sleep(300);
        await ready(service);
      }
      const before = load.accepted.size;
      await eventually(() => expect(load.accepted.size).toBeGreaterThan(before + 20), { withinMs: 180_000 });
      await load.stop();
      tell(`${ROUNDS} kills of ${server}, ${load.accepted.size} messages accepted`);
      const addresses = await serviceAddresses(service.dataDir);
      expect(await brokenPromises(addresses, load.accepted, ANSWER)).toEqual([]);
    } finally {
      await load.stop();
      await service.stop();
    }
  }, 600_000);
});

async function ready(service: RunningService): Promise<void> {
  await eventually(
    async () => {
      const response = await fetch(`${service.baseUrl}/health/ready`);
      const text = await response.text();
      if (response.status !== 200) throw new Error(text);
    },
    { withinMs: 180_000, everyMs: 100 },
  );
}
