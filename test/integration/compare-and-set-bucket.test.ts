import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { CompareAndSetBucket } from '../../src/broker/compare-and-set-bucket.js';
import { jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

const BUCKET = 'places';

let server: TestNats;
let nats: NatsConnection;
let bucket: CompareAndSetBucket<string>;

/** However slow the broker is. */
const ANSWERS_WITHIN_MS = 60_000;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connect({ servers: server.url, user: server.user, pass: server.password });
  const manager = await jetstreamManager(nats);
  const subjects = [`$KV.${BUCKET}.>`];
  await manager.streams.add({
    ...{ name: `KV_${BUCKET}`, subjects, max_msgs_per_subject: 1, allow_direct: true },
  });
  bucket = new CompareAndSetBucket(nats, BUCKET, String, ANSWERS_WITHIN_MS);
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

it('lists what begins with the same tokens, with all that was written last, and takes entries away', async () => {
  const json = new CompareAndSetBucket(nats, BUCKET, (value) => value as string, ANSWERS_WITHIN_MS);
  expect(await json.list('of')).toEqual([]);
  for (let at = 0; at < 1_001; at += 1) await json.write(`of.red.${at}`, `${at}`, 0);
  await json.write('of.redder.x', 'another', 0);
  const before = await json.read('of.red.7');
  const revision = await json.write('of.red.7', 'seven', before!.revision);
  const listed = await json.list('of.red');
  expect(listed).toHaveLength(1_001);
  expect(listed.at(-1)).toEqual({ key: 'of.red.7', value: 'seven', revision });
  expect(await json.list('of')).toHaveLength(1_002);
  await json.remove('of.red.7');
  await json.remove('of.red.7');
  expect(await json.read('of.red.7')).toBeNull();
  expect(await json.list('of.red')).toHaveLength(1_000);
  // Whoever knew it can't write it anew.
  expect(await json.write('of.red.7', 'late', revision!)).toBeNull();
});

it('takes a stream that nobody serves for one without a leader', async () => {
  const nowhere = new CompareAndSetBucket(nats, 'nowhere', String, ANSWERS_WITHIN_MS);
  await expect(nowhere.write('a', 'x', 0)).rejects.toThrow(/no responders/);
});
