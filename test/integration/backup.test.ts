import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AckPolicy } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { v7 as uuidv7 } from 'uuid';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { checkFiles, readManifest } from '../../src/operations/backup/backup-files.js';
import { restoreStreams } from '../../src/operations/backup/nats/restore-backup.js';
import { takeBackup } from '../../src/operations/backup/nats/take-backup.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { connectTo } from './gateway.rig.js';
import { life } from './projection.fixture.js';

interface Broker {
  readonly server: TestNats;
  readonly connection: NatsConnection;
  readonly log: JetStreamEventLog;
}

let work: string;
let source: Broker | null = null;
let target: Broker | null = null;

async function open(): Promise<Broker> {
  const server = await startTestNats();
  const connection = await connectTo(server);
  await ensureStreams(connection, 1);
  const limits = { appendTimeoutMs: 30_000, appendBufferBytes: 64 << 20 };
  return { server, connection, log: new JetStreamEventLog(connection, silentLogger, limits) };
}

async function close(broker: Broker | null): Promise<void> {
  await broker?.log.close();
  await broker?.connection.close();
  await broker?.server.stop();
}

beforeAll(async () => {
  work = await makeTempDir('llmq-backup');
  [source, target] = await Promise.all([open(), open()]);
});
afterAll(async () => {
  await Promise.all([close(source), close(target)]);
  await removeTempDir(work);
});

async function read({ log }: Broker): Promise<string[]> {
  const last = await log.lastSequence();
  const ids: string[] = [];
  for await (const batch of log.read(1, { signal: AbortSignal.timeout(240_000), maxBatch: 1_000 })) {
    ids.push(...batch.map(({ event }) => event.id));
    if (batch.at(-1)!.sequence >= last) return ids;
  }
  return ids;
}

it('goes from one broker to another, with what lanes have taken, and over content only with force', async () => {
  const from = source!;
  const to = target!;
  for (let at = 0; at < 300; at += 1) await from.log.append(life(uuidv7(), { content: 'x'.repeat(5_000) }));
  const manager = await jetstreamManager(from.connection);
  await manager.consumers.add('LLMQ_EVENTS', {
    ...{
      durable_name: 'lane',
      ack_policy: AckPolicy.Explicit,
      filter_subject: 'llmq.events.*.prioritized.>',
    },
  });
  const { connection, log } = from;
  const folder = join(work, 'one');
  const taken = await takeBackup({ connection, log, folder, nowMs: () => 0 });
  expect(taken).toMatchObject({
    ...{ created_at: '1970-01-01T00:00:00.000Z', last_sequence: await log.lastSequence() },
    last_event_id: (await log.get(await log.lastSequence()))?.event.id,
  });
  expect((await readdir(folder)).sort()).toEqual(
    ['backup.json', ...taken.streams.map(({ file }) => file)].sort(),
  );
  const manifest = await readManifest(folder);
  await checkFiles(folder, manifest);

  await to.log.append(life(uuidv7()));
  const use = { connection: to.connection, folder, manifest, replicas: 1 };
  await expect(restoreStreams({ ...use, force: false })).rejects.toMatchObject({
    ...{ code: 'restore_refused', message: expect.stringContaining('LLMQ_EVENTS with content') },
  });
  await restoreStreams({ ...use, force: true });
  expect(await read(to)).toEqual(await read(from));
  const there = await jetstreamManager(to.connection);
  expect((await there.consumers.info('LLMQ_EVENTS', 'lane')).num_pending).toBe(300);
  // It is a log to go on with.
  await ensureStreams(to.connection, 1);
  const { firstSequence } = await to.log.append(life(uuidv7()));
  expect(firstSequence).toBeGreaterThan(manifest.last_sequence);
}, 400_000);

it('is refused while the queue is at work', async () => {
  const { connection, log } = source!;
  let rounds = 0;
  // It is not at work while the broker stores nothing for as long as a backup takes.
  await inOneOf(5, async () => {
    rounds += 1;
    const folder = join(work, `busy-${rounds}`);
    let over = false;
    const working = (async () => {
      while (!over) await log.append(life(uuidv7()));
    })();
    const backup = takeBackup({ connection, log, folder, nowMs: Date.now }).finally(() => {
      over = true;
    });
    const [outcome] = await Promise.allSettled([backup, working]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'backup_busy' } });
    await expect(readManifest(folder)).rejects.toMatchObject({ code: 'backup_damaged' });
  });
}, 400_000);
