import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EventLogModule } from '../../src/log/event-log.module.js';
import type { EventLog } from '../../src/log/event-log.port.js';
import { openEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { SERVICE_CONFIG } from '../../src/platform/config/service-config.js';
import { EVENT_LOG, LOGGER, NATS, NATS_STORE } from '../../src/platform/tokens.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { accepted } from './event-log.samples.js';
import { connectTo } from './event-log.test-log.js';

describe('the module of the log', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  beforeAll(async () => {
    nats = await startTestNats();
    connection = await connectTo(nats);
  });
  afterAll(async () => {
    await connection.close();
    await nats.stop();
  });

  async function start() {
    const providers = [
      { provide: NATS, useValue: connection },
      { provide: SERVICE_CONFIG, useValue: configSchema.parse({ nats: { append_timeout_ms: 60_000 } }) },
      { provide: LOGGER, useValue: silentLogger },
      { provide: NATS_STORE, useValue: null },
    ];
    @Global()
    @Module({ providers, exports: providers.map(({ provide }) => provide) })
    class Platform {}
    const context = await Test.createTestingModule({ imports: [Platform, EventLogModule] }).compile();
    return context.init();
  }

  it('provides a log whose streams stand, and stores what is under way before the service stops', async () => {
    const service = await start();
    const log = service.get<EventLog>(EVENT_LOG);
    let stored = 0;
    for (let append = 0; append < 50; append += 1) {
      void log.append(accepted()).then(() => {
        stored += 1;
      });
    }
    await service.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(stored).toBe(50);
  });

  it('takes an unused stream of an earlier version away, which a tool that only opens the log does not', async () => {
    const { streams } = await jetstreamManager(connection);
    const unused = { name: 'KV_llmq_control', subjects: ['$KV.llmq_control.>'] };
    await streams.add(unused);
    const opened = await openEventLog(connection, configSchema.parse({}), silentLogger);
    await opened.close();
    expect((await streams.info(unused.name)).config.max_bytes).toBe(-1);
    await (await start()).close();
    await expect(streams.info(unused.name)).rejects.toThrow('stream not found');
  });

  it('fails the start over a stream that does not fit', async () => {
    const manager = await jetstreamManager(connection);
    await manager.streams.delete('LLMQ_EVENTS');
    await manager.streams.add({ name: 'LLMQ_EVENTS', subjects: ['llmq.events.>'] });
    await expect(start()).rejects.toMatchObject({ code: 'incompatible_stream' });
  });
});
