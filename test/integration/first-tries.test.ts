import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { systemSources } from '../../src/platform/clock.js';
import { FirstTries } from '../../src/submission/idempotency/nats/first-tries.js';
import { eventually } from '../support/eventually.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

let nats: TestNats;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await startTestNats();
  connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  await ensureStreams(connection, 1);
});
afterAll(async () => {
  await connection.close();
  await nats.stop();
});

/** As it is after its start, with how often it warned. */
async function started(): Promise<{ tries: FirstTries; warnings: unknown[] }> {
  const warnings: unknown[] = [];
  const logger = Object.assign(Object.create(silentLogger) as Logger, {
    warn: (...said: unknown[]) => void warnings.push(said),
  });
  const tries = new FirstTries(connection, systemSources, logger);
  await tries.onModuleInit();
  return { tries, warnings };
}

describe('the first tries of requests', () => {
  it('are none at the first start, which is no reason to warn; later starts read what was told', async () => {
    const first = await started();
    expect(first.warnings).toEqual([]);
    first.tries.remember('digest', 'message');
    await eventually(async () => {
      const next = await started();
      next.tries.onApplicationShutdown();
      expect([next.tries.find('digest'), next.warnings]).toEqual(['message', []]);
    });
    first.tries.onApplicationShutdown();
  });
});
