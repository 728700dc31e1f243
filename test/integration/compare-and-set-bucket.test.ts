import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { CompareAndSetBucket } from '../../src/broker/compare-and-set-bucket.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

const BUCKET = 'places';

let server: TestNats;
let nats: NatsConnection;
let bucket: CompareAndSetBucket<string>;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connect({ servers: server.url, user: server.user, pass: server.password });
  const manager = await jetstreamManager(nats);
  const subjects = [`$KV.${BUCKET}.>`];
  await manager.streams.add({ name: `KV_${BUCKET}`, subjects, max_msgs_per_subject: 1 });
  bucket = new CompareAndSetBucket(nats, BUCKET, String, 2_000);
});
afterAll(async () => {
  await nats?.close();
  await server?.stop();
});

describe('a write that is tried again', () => {
  it('knows its own earlier try, which was stored though nobody heard so', async () => {
    const write = bucket.repeatableWrite('a', 'mine', 0);
    const revision = await write();
    expect(revision).toBeGreaterThan(0);
    expect(await write()).toBe(revision);
    expect(await bucket.read('a')).toEqual({ value: 'mine', revision });
  });

  it("does not take another's write for its own, not even of the same value", async () => {
    const theirs = await bucket.write('b', 'same', 0);
    const write = bucket.repeatableWrite('b', 'same', 0);
    expect([await write(), await write()]).toEqual([null, null]);
    const next = bucket.repeatableWrite('b', 'next', theirs!);
    const revision = await next();
    await bucket.write('b', 'newest', revision!);
    expect(await next()).toBeNull();
  });
});

it('takes a stream that nobody serves for one without a leader', async () => {
  const nowhere = new CompareAndSetBucket(nats, 'nowhere', String, 2_000);
  await expect(nowhere.write('a', 'x', 0)).rejects.toThrow(/no responders/);
});
