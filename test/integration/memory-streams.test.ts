import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { isPassing } from '../../src/broker/api-codes.js';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { MemoryStreams } from '../../src/broker/memory-streams.js';
import { CHUNKS_STREAM, ENDPOINT_SHARES_BUCKET, EVENTS_STREAM } from '../../src/broker/streams.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import {
  type ClusterServer,
  startTestNatsCluster,
  type TestNatsCluster,
} from '../support/test-nats-cluster.js';
import { connectTo } from './event-log.test-log.js';

const IN_MEMORY = [CHUNKS_STREAM, `KV_${ENDPOINT_SHARES_BUCKET}`];

let cluster: TestNatsCluster;
let connection: NatsConnection;
let manager: JetStreamManager;
beforeEach(async () => {
  cluster = await startTestNatsCluster();
  connection = await connectTo(cluster.address('one'));
  await ensureStreams(connection, 3);
  manager = await jetstreamManager(connection, { checkAPI: false, timeout: 20_000 });
}, 300_000);
afterEach(async () => {
  await connection.close();
  await cluster.stop();
}, 300_000);

async function leaderOf(name: string): Promise<string> {
  try {
    const { cluster: standing } = await manager.streams.info(name);
    return standing?.leader ?? '';
  } catch (error) {
    // Some servers say so in these words.
    if (isPassing(error)) return '';
    throw error;
  }
}

/** Both streams are led by servers that the test takes away, which keep nothing in memory. */
async function moveLeadersAwayFrom(server: ClusterServer): Promise<void> {
  for (const name of IN_MEMORY) {
    await eventually(
      async () => {
        if ((await leaderOf(name)) === server)
          await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${name}`, '', { timeout: 10_000 });
        expect(cluster.names.filter((each) => each !== server)).toContain(await leaderOf(name));
      },
      { withinMs: 120_000, everyMs: 500 },
    );
  }
}

it('makes anew what is in memory where servers came back without it, and leaves the rest', async () => {
  await connection.request('llmq.chunks.before', 'a piece', { timeout: 30_000 });
  const { last_seq: before } = (await manager.streams.info(CHUNKS_STREAM)).state;
  await moveLeadersAwayFrom('one');
  await cluster.kill('two');
  await cluster.kill('three');
  await cluster.start('two');
  const memory = new MemoryStreams(manager.streams, 3);
  await eventually(async () => expect(await leaderOf(EVENTS_STREAM)).not.toBe(''), { withinMs: 120_000 });
  // More than an election takes: without the looks it would stay so until the third server is back.
  await sleep(15_000);
  expect(await Promise.all(IN_MEMORY.map(leaderOf))).toEqual(['', '']);

  await eventually(
    async () => {
      // What the broker says too late is done all the same.
      await memory.look().catch(() => []);
      for (const name of IN_MEMORY) expect(await leaderOf(name)).not.toBe('');
    },
    // A stream that was made just now needs a moment for its first leader.
    { withinMs: 180_000, everyMs: 2_000 },
  );
  await connection.request('llmq.chunks.after', 'a piece', { timeout: 30_000 });
  // Whoever remembers a revision of before is never told a smaller one.
  const { messages, last_seq: after } = (await manager.streams.info(CHUNKS_STREAM)).state;
  expect({ messages, grew: after > before }).toEqual({ messages: 1, grew: true });
  await cluster.start('three');
  await eventually(
    async () => {
      expect(await memory.look()).toEqual([]);
      for (const name of IN_MEMORY) expect((await manager.streams.info(name)).config.num_replicas).toBe(3);
    },
    { withinMs: 120_000, everyMs: 1_000 },
  );
}, 600_000);

it('makes nothing where the whole cluster has no majority, or all is well', async () => {
  const memory = new MemoryStreams(manager.streams, 3);
  for (let look = 0; look < 5; look += 1) expect(await memory.look()).toEqual([]);
  await cluster.kill('two');
  await cluster.kill('three');
  const until = performance.now() + 20_000;
  while (performance.now() < until) {
    expect(await memory.look().catch(() => [])).toEqual([]);
    await sleep(500);
  }
}, 600_000);
