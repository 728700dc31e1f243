import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { ensureIntakeStreams, letPublish, unusedIntakeStreams } from '../../src/broker/intake-streams.js';
import { retireStreams } from '../../src/broker/retire-streams.js';
import { RETIRED_STREAMS } from '../../src/broker/streams.js';
import { openEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { eventually } from '../support/eventually.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { connectTo } from './event-log.test-log.js';

/** With one of publishers, which earlier versions closed where the intake was switched off. */
const UNUSED = ['LLMQ_INTAKE', ...RETIRED_STREAMS];

/** As the version before made them. */
const INTAKE = {
  name: 'LLMQ_INTAKE',
  subjects: ['llmq.intake.*'],
  retention: 'workqueue',
  storage: 'file',
  discard: 'new',
  max_bytes: 256 * 1024 * 1024,
  allow_direct: true,
} as StreamConfig;
const bucket = (name: string, storage: string) =>
  ({
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    retention: 'limits',
    storage,
    discard: 'new',
    max_msgs_per_subject: 1,
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  }) as StreamConfig;
const OLD = [
  INTAKE,
  bucket('llmq_endpoints', 'file'),
  bucket('llmq_workers', 'memory'),
  bucket('llmq_control', 'file'),
];

describe('streams that earlier versions made and nothing uses', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let manager: JetStreamManager;
  let told: { readonly msg: string; readonly stream?: string; readonly messages?: number }[];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void told.push(JSON.parse(line)) });
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.stop());
  beforeEach(async () => {
    told = [];
    connection = await connectTo(nats);
    manager = await jetstreamManager(connection);
  });
  afterEach(async () => {
    for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name);
    await connection.close();
  });

  const retire = async (each = connection) => {
    await retireStreams(each, logger, UNUSED);
  };
  const start = async () => {
    const log = await openEventLog(connection, configSchema.parse({}), logger);
    await retire();
    await log.close();
  };
  const publish = () => jetstream(connection).publish('llmq.intake.normal', 'a message', { retries: 1 });
  const names = async () => {
    const found: string[] = [];
    for await (const { config } of manager.streams.list()) found.push(config.name);
    return found;
  };
  const messagesIn = async (stream: string) => (await manager.streams.info(stream)).state.messages;

  it('are not made by a fresh start, so that a publisher is told that nobody takes its message', async () => {
    await start();
    for (const retired of UNUSED) expect(await names()).not.toContain(retired);
    await expect(
      connection.request('llmq.intake.normal', 'a message', { timeout: 60_000 }),
    ).rejects.toBeInstanceOf(errors.RequestError);
    await expect(publish()).rejects.toThrow();
    expect(told).toEqual([]);
  });

  it('go at the start where they are empty, without a word that an operator would have to act on', async () => {
    for (const old of OLD) await manager.streams.add(old);
    // What is left of a message that somebody read and took away.
    await publish();
    await manager.streams.purge('LLMQ_INTAKE');
    await start();
    for (const retired of UNUSED) expect(await names()).not.toContain(retired);
    expect(told).toEqual([]);
  });

  it('stay with all that they hold, take no more, and are told of at every start', async () => {
    for (const old of OLD) await manager.streams.add(old);
    for (let message = 0; message < 3; message += 1) await publish();
    const buckets = await Promise.all(
      ['llmq_endpoints', 'llmq_workers'].map((name) => new Kvm(connection).open(name)),
    );
    for (const each of buckets) await each.put('one', 'value');
    for (let starts = 1; starts <= 2; starts += 1) {
      told = [];
      await start();
      expect(await messagesIn('LLMQ_INTAKE')).toBe(3);
      for (const each of buckets) expect((await each.get('one'))?.string()).toBe('value');
      expect(told.map(({ stream, messages }) => [stream, messages])).toEqual([
        ['LLMQ_INTAKE', 3],
        ['KV_llmq_endpoints', 1],
        ['KV_llmq_workers', 1],
      ]);
      expect(told[0]?.msg).toMatch(
        /LLMQ_INTAKE is used no more, but holds 3 messages .*nats stream rm LLMQ_INTAKE/,
      );
    }
    await expect(publish()).rejects.toThrow('maximum bytes exceeded');
    for (const each of buckets) await expect(each.put('two', 'value')).rejects.toThrow();
    expect(await names()).not.toContain('KV_llmq_control');
  });

  it('go once what they held was taken out', async () => {
    await manager.streams.add(INTAKE);
    await publish();
    await start();
    await manager.streams.purge('LLMQ_INTAKE');
    await start();
    expect(await names()).not.toContain('LLMQ_INTAKE');
  });

  it('take messages again, with those that they hold, once the intake is switched on', async () => {
    await manager.streams.add(INTAKE);
    await publish();
    await start();
    await expect(publish()).rejects.toThrow('maximum bytes exceeded');
    const limits = { max_messages: 3, max_bytes: null };
    for (let starts = 0; starts < 2; starts += 1) {
      await ensureIntakeStreams(connection, { publishers: [null], limits, replicas: 1 });
    }
    await publish();
    await jetstream(connection).publish('llmq.intake.auto', 'a message');
    expect(await messagesIn('LLMQ_INTAKE')).toBe(3);
    await expect(publish()).rejects.toThrow('maximum messages exceeded');
  });

  it('are told apart from those of publishers that are configured', async () => {
    const limits = { max_messages: 3, max_bytes: null };
    await ensureIntakeStreams(connection, { publishers: [null, 'billing'], limits, replicas: 1 });
    expect(await unusedIntakeStreams(connection, [null])).toEqual(['LLMQ_INTAKE_billing']);
  });

  it('of publishers can be closed with what they hold, and opened again', async () => {
    const limits = { max_messages: 100, max_bytes: null };
    const choices = { publishers: [null], limits, replicas: 1 };
    await ensureIntakeStreams(connection, choices);
    await publish();
    await letPublish(connection, choices, false);
    await expect(publish()).rejects.toThrow('maximum bytes exceeded');
    expect(await messagesIn('LLMQ_INTAKE')).toBe(1);
    await letPublish(connection, choices, true);
    await publish();
    expect(await messagesIn('LLMQ_INTAKE')).toBe(2);
  });

  it('lose no message that was acknowledged while they went', async () => {
    for (let round = 0; round < 20; round += 1) {
      // The server may still be taking the folder of the one before away.
      await eventually(() => manager.streams.add(INTAKE));
      let acknowledged = 0;
      let over = false;
      const publisher = (async () => {
        await new Promise((resolve) => setTimeout(resolve, round % 5));
        while (!over) {
          const answer = await connection.request('llmq.intake.normal', 'a message').catch(() => null);
          if (answer !== null && !('error' in answer.json<object>())) acknowledged += 1;
        }
      })();
      await retire();
      over = true;
      await publisher;
      const left = (await names()).includes('LLMQ_INTAKE') ? await messagesIn('LLMQ_INTAKE') : 0;
      // One whose acknowledgement did not come may be there as well.
      expect(left).toBeGreaterThanOrEqual(acknowledged);
      if ((await names()).includes('LLMQ_INTAKE')) await manager.streams.delete('LLMQ_INTAKE');
    }
  });

  it('can be taken away by processes that start together', async () => {
    for (const old of OLD) await manager.streams.add(old);
    const others = await Promise.all([connectTo(nats), connectTo(nats)]);
    await Promise.all([connection, ...others].map(retire));
    expect(await names()).toEqual([]);
    expect(told).toEqual([]);
    await Promise.all(others.map((other) => other.close()));
  });
});
