import { afterAll, beforeAll } from '@jest/globals';
import { InMemoryEventLog } from '../../src/log/in-memory/in-memory-event-log.js';
import { jetstream } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { eventLogConformance } from './event-log.conformance.js';
import { dropLog, openLog } from './event-log.test-log.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

eventLogConformance('in memory', async () => {
  const log = new InMemoryEventLog();
  return {
    log,
    storeRaw: async (record) => log.storeRaw(record),
    dispose: async () => undefined,
  };
});

eventLogConformance('JetStream', async () => {
  const { log, connection, close } = await openLog(nats);
  return {
    log,
    storeRaw: async (record) =>
      2 * (await jetstream(connection).publish('llmq.events.low.x.0', record)).seq + 1,
    dispose: async () => {
      await dropLog(connection);
      await close();
    },
  };
});
