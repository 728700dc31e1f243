import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { IncompatibleStreamError, StreamSetupError } from '../../src/broker/broker.errors.js';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import {
  CHUNKS_STREAM,
  CONVERSATIONS_BUCKET,
  EVENTS_STREAM,
  SCHEDULES_STREAM,
  TRIES_STREAM,
  WEBHOOKS_STREAM,
  wantedStreams,
} from '../../src/broker/streams.js';
import { jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { connectTo } from './event-log.test-log.js';

const ALL = wantedStreams({ replicas: 1, idempotencyTtlMs: 86_400_000 });

describe('the streams and buckets', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let manager: JetStreamManager;
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.stop());
  beforeEach(async () => {
    connection = await connectTo(nats);
    manager = await jetstreamManager(connection);
  });
  afterEach(async () => {
    for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name);
    await connection.close();
  });

  const config = async (name: string) => (await manager.streams.info(name)).config;

  it('are all made, as the design has them', async () => {
    await ensureStreams(connection, 1);
    for (const wanted of ALL) expect(await config(wanted.name)).toMatchObject(wanted);
    expect(ALL.map(({ name }) => name)).toEqual([
      ...[EVENTS_STREAM, SCHEDULES_STREAM, WEBHOOKS_STREAM, CHUNKS_STREAM, TRIES_STREAM],
      ...['KV_llmq_conversations', 'KV_llmq_cancellations'],
      ...['KV_llmq_endpoint_shares', 'KV_llmq_scheduler', 'KV_llmq_idempotency'],
      ...['KV_llmq_batches', 'OBJ_llmq_parts', 'OBJ_llmq_files'],
    ]);
  });

  it('make buckets that the key-value client understands', async () => {
    await ensureStreams(connection, 1);
    const bucket = await new Kvm(connection).open(CONVERSATIONS_BUCKET);
    const revision = await bucket.create('a', 'one');
    await expect(bucket.create('a', 'two')).rejects.toThrow();
    await bucket.update('a', 'two', revision);
    expect((await bucket.get('a'))?.string()).toBe('two');
  });

  it('are made once by processes that start together, and left as they are by later ones', async () => {
    const others = await Promise.all([connectTo(nats), connectTo(nats), connectTo(nats)]);
    await Promise.all([connection, ...others].map((each) => ensureStreams(each, 1)));
    const before = await Promise.all(ALL.map(({ name }) => config(name)));
    await ensureStreams(connection, 1);
    expect(await Promise.all(ALL.map(({ name }) => config(name)))).toEqual(before);
    await Promise.all(others.map((other) => other.close()));
  });

  const subjects = ['llmq.events.>'];
  const mistakes: [string, string, Partial<StreamConfig>, string][] = [
    ['retention', EVENTS_STREAM, { subjects, retention: 'workqueue' as never }, 'retention is "workqueue"'],
    ['storage', EVENTS_STREAM, { subjects, storage: 'memory' as never }, 'storage is "memory"'],
    ['no atomic batches', EVENTS_STREAM, { subjects, discard: 'new' as never }, 'allow_atomic is false'],
    ['what it discards', EVENTS_STREAM, { subjects, allow_atomic: true }, 'discard is "old"'],
    [
      'foreign subjects',
      EVENTS_STREAM,
      { subjects: ['llmq.events.>', 'mine'] },
      'also takes the subjects "mine"',
    ],
    ['no acknowledgements', EVENTS_STREAM, { subjects, no_ack: true }, 'has no_ack set'],
    [
      'no schedules',
      SCHEDULES_STREAM,
      { subjects: ['llmq.due.>'], retention: 'workqueue' as never },
      'allow_msg_schedules is false',
    ],
  ];
  for (const [what, name, settings, reason] of mistakes) {
    it(`are not run over when one is incompatible: ${what}`, async () => {
      await manager.streams.add({ name, ...settings } as StreamConfig);
      const before = await config(name);
      const ensuring = ensureStreams(connection, 1);
      await expect(ensuring).rejects.toBeInstanceOf(IncompatibleStreamError);
      await expect(ensuring).rejects.toThrow(reason);
      await expect(ensuring).rejects.toThrow(name);
      expect(await config(name)).toEqual(before);
    });
  }

  it('are completed where they are compatible, and keep what an operator chose', async () => {
    const [wanted] = ALL;
    await manager.streams.add({
      ...wanted!,
      deny_purge: false,
      allow_direct: false,
      duplicate_window: 1_000_000_000,
      max_bytes: 1_000_000,
    });
    await ensureStreams(connection, 1);
    expect(await config(EVENTS_STREAM)).toMatchObject({ ...wanted, max_bytes: 1_000_000 });
  });

  it('name the stream that the broker refuses to make', async () => {
    await manager.streams.add({ name: 'OTHER', subjects: ['llmq.>'] });
    const ensuring = ensureStreams(connection, 1);
    await expect(ensuring).rejects.toBeInstanceOf(StreamSetupError);
    await expect(ensuring).rejects.toThrow(/LLMQ_EVENTS.*overlap/);
  });
});
