import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import { DurableSteps } from '../../src/dispatch/worker/durable-steps.js';
import { WorkerStop } from '../../src/dispatch/worker/worker-stop.js';
import type { MessageEvent } from '../../src/domain/message/message.events.js';
import { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import {
  type ClusterServer,
  startTestNatsCluster,
  type TestNatsCluster,
} from '../support/test-nats-cluster.js';
import { readUpTo } from './event-log.conformance.js';
import { accepted, cancelled, ids } from './event-log.samples.js';
import { connectTo, DEFAULTS } from './event-log.test-log.js';

const WITHOUT_QUORUM_MS = 15_000;

describe('a cluster that has lost its quorum', () => {
  let cluster: TestNatsCluster;
  let connection: NatsConnection;
  let log: JetStreamEventLog;
  beforeEach(async () => {
    cluster = await startTestNatsCluster();
    connection = await connectTo(cluster.address('one'));
    await ensureStreams(connection, 3);
    // Much shorter than the outage.
    log = new JetStreamEventLog(connection, silentLogger, { ...DEFAULTS, appendTimeoutMs: 1_000 });
    await log.append([cancelled()], { timeoutMs: 120_000 });
  }, 400_000);
  afterEach(async () => {
    await log.close();
    await connection.close();
    await cluster.stop();
  }, 400_000);

  it('stores what workers append once when it is whole again, and the rest at most once', async () => {
    const stop = new WorkerStop();
    const steps = new DurableSteps(log, { set: async () => {} }, stop, silentLogger);
    const followers = await followersOf(connection);
    for (const name of followers) await cluster.kill(name);

    const ofWorkers: MessageEvent[][] = [[cancelled()], accepted(), [cancelled()], accepted(), [cancelled()]];
    const appended = Promise.all(ofWorkers.map((events) => steps.append(events)));
    const ofClients = Array.from({ length: 5 }, () => accepted());
    const told = await Promise.allSettled(ofClients.map((events) => log.append(events)));
    expect(told.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    await sleep(WITHOUT_QUORUM_MS);
    // The server that is left would tell, and can't know how far the log is.
    await expect(log.extent()).rejects.toMatchObject({ code: 'log_unavailable' });
    await expect(log.missingRecords()).rejects.toMatchObject({ code: 'log_unavailable' });
    for (const name of followers) await cluster.start(name);

    const places = await appended;
    const end = await eventually(() => log.append([cancelled()]), { withinMs: 120_000 });
    expect((await eventually(() => log.extent())).lastSequence).toBeGreaterThanOrEqual(end.firstSequence);
    const stored = await readUpTo(log, 1, end.firstSequence);
    const count = (id: string) => stored.filter(({ event }) => event.id === id).length;
    for (const id of ids(ofWorkers.flat())) expect([id, count(id)]).toEqual([id, 1]);
    for (const id of ids(ofClients.flat())) expect([0, 1]).toContain(count(id));
    for (const [index, { firstSequence }] of places.entries()) {
      const there = stored.find(({ sequence }) => sequence === firstSequence);
      expect(there?.event.id).toBe(ofWorkers[index]![0]!.id);
    }
    stop.now();
  }, 400_000);
});

/** The servers that the stream can lose while its leader lives on, and still takes what it can't store. */
async function followersOf(connection: NatsConnection): Promise<ClusterServer[]> {
  const manager = await jetstreamManager(connection);
  const { cluster } = await manager.streams.info(EVENTS_STREAM);
  return (cluster?.replicas ?? []).map(({ name }) => name as ClusterServer);
}
