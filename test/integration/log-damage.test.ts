import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { conversationEvent } from '../../src/domain/conversation/conversation.events.js';
import { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { lostMessages } from '../../src/operations/salvage/lost-messages.js';
import { verifyLog } from '../../src/operations/verify/verify-log.js';
import { systemSources } from '../../src/platform/clock.js';
import { Projector } from '../../src/projection/fold/projector.js';
import type { ProjectionStop } from '../../src/projection/fold/projector.port.js';
import { EventIndex } from '../../src/projection/read/event-index.js';
import { ProjectedMessages } from '../../src/projection/read/projected-messages.js';
import { rebuild } from '../../src/projection/rebuild/rebuild.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { eventually } from '../support/eventually.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { connectTo } from './gateway.rig.js';
import { openSchema } from './projection.database.js';
import { completed, dispatched, received } from './projection.fixture.js';

let postgres: TestPostgres;
let broker: TestNats;
let connection: NatsConnection;
let log: JetStreamEventLog;
let dataSource: DataSource;
let projectors: Projector[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  broker = await startTestNats();
  dataSource = await openSchema(postgres.url);
  await connectLog();
});
afterEach(async () => {
  await Promise.all(projectors.map((projector) => projector.stop()));
  projectors = [];
  await log.close();
  await connection.close();
  await dataSource.destroy();
  await broker.stop();
});

async function connectLog(): Promise<void> {
  connection = await connectTo(broker);
  await ensureStreams(connection, 1);
  log = new JetStreamEventLog(connection, silentLogger, {
    appendTimeoutMs: 30_000,
    appendBufferBytes: 64 << 20,
  });
}

/** Changes the store while its server is down. `kill`: the server had no time to write down where its blocks end. */
async function damaged(how: 'kill' | 'stop', change: (blocks: string[]) => Promise<void>): Promise<void> {
  await log.close();
  await connection.close();
  if (how === 'kill') await broker.kill();
  else process.kill(broker.pid, 'SIGTERM');
  const folder = join(broker.dir, 'nats/jetstream/$G/streams/LLMQ_EVENTS/msgs');
  await eventually(() => expect(() => process.kill(pid(), 0)).toThrow());
  const blocks = (await readdir(folder)).filter((name) => name.endsWith('.blk'));
  blocks.sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10));
  if (how === 'kill') await rm(join(folder, 'index.db'), { force: true });
  await change(blocks.map((name) => join(folder, name)));
  await broker.restart();
  await connectLog();
}

/** Once the server is down there is none to signal, which is what the caller waits for. */
function pid(): number {
  return broker.pid;
}

async function flip16(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(Buffer.from('################'), 0, 16, at);
  await handle.close();
}

function project(): { projector: Projector; stops: ProjectionStop[] } {
  const stops: ProjectionStop[] = [];
  const projector = new Projector({
    ...{ log, dataSource, maxBatch: 500, logger: silentLogger, sources: systemSources },
    ...{ announce: () => {}, onStopped: (stop) => stops.push(stop) },
  });
  projectors.push(projector);
  projector.start();
  return { projector, stops };
}

async function projected(): Promise<void> {
  const { projector } = project();
  const last = await log.lastSequence();
  await eventually(() => expect(projector.health.applied).toBe(last), { withinMs: 60_000 });
  await projector.stop();
}

/** Each is answered; `bytes` of content fill the broker's blocks of eight megabytes. */
async function lives(count: number, bytes: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  for (const id of ids) {
    await log.append(received(id, { content: 'x'.repeat(bytes) }));
    await log.append([dispatched(id), completed(id)]);
  }
  return ids;
}

const rebuilt = (force: boolean) =>
  rebuild({
    ...{
      log,
      database: databaseOf(dataSource),
      resume: false,
      force,
      sources: systemSources,
      maxBatch: 1_000,
    },
    ...{ signal: new AbortController().signal, onProgress: () => {} },
  });

const verified = () =>
  verifyLog({
    ...{ log, index: new EventIndex(dataSource), projected: new ProjectedMessages(dataSource) },
    ...{ signal: new AbortController().signal, onProgress: () => undefined, projectionWaitMs: 60_000 },
  });

async function salvaged(onlyEnd = false): Promise<string[]> {
  const ids: string[] = [];
  const projectedMessages = new ProjectedMessages(dataSource);
  for await (const page of lostMessages(log, projectedMessages, new AbortController().signal)) {
    ids.push(...page.flatMap(({ id, received }) => (received === onlyEnd ? [id] : [])));
  }
  return ids;
}

async function known(ids: readonly string[]): Promise<string[]> {
  const states = await new ProjectedMessages(dataSource).states(ids);
  return ids.filter((id) => states.has(id));
}

it('finds what a damaged block took with it, stops, and goes on without it only when told to', async () => {
  const ids = await lives(200, 64 * 1024);
  await projected();
  await damaged('kill', async (blocks) => {
    expect(blocks.length).toBeGreaterThan(1);
    await flip16(blocks[0]!, 4 * 1024 * 1024);
  });
  const { missing } = await log.extent();
  expect(missing).toBeGreaterThan(10);

  const { projector, stops } = project();
  await eventually(() => expect(stops).toHaveLength(1));
  expect(stops[0]).toMatchObject({
    code: 'log_damaged',
    message: expect.stringMatching(
      /has lost sequences \d+ to \d+ \(\d+ records\), and no erasure names them/,
    ),
  });
  await expect(rebuilt(false)).rejects.toMatchObject({
    ...{ code: 'rebuild_refused', message: expect.stringMatching(/sequences \d+ to \d+.*salvage.*--force/) },
  });
  expect(await known(ids)).toEqual(ids);
  const lost = await salvaged();
  expect(lost.length).toBeGreaterThan(5);
  // The block may begin between a message's records.
  expect((await salvaged(true)).length).toBeLessThanOrEqual(2);

  await rebuilt(true);
  expect(await known(ids)).toEqual(ids.filter((id) => !lost.includes(id)));
  // The log says now that somebody went on without them; an auditor is told for ever.
  const last = await log.lastSequence();
  await eventually(() =>
    expect(projector.health).toMatchObject({ active: true, applied: last, error: null }),
  );
  await lives(1, 10);
  await eventually(async () => expect(projector.health.applied).toBe(await log.lastSequence()));
  const { ok, counts } = await verified();
  expect([ok, counts.lost, counts.gap]).toEqual([false, 1, undefined]);
}, 300_000);

it('finds a record that the broker counts and can not read', async () => {
  await lives(60, 64 * 1024);
  await projected();
  await damaged('stop', (blocks) => flip16(blocks[0]!, 2 * 1024 * 1024));
  expect(await log.extent()).toMatchObject({ missing: 0 });
  expect((await verified()).counts).toMatchObject({ gap: 1 });
  await expect(rebuilt(false)).rejects.toMatchObject({
    ...{ code: 'log_damaged', message: expect.stringMatching(/\(one record\)/) },
  });
  await rebuilt(true);
  expect((await verified()).counts).toMatchObject({ lost: 1 });
  const { projector } = project();
  await lives(1, 10);
  const last = await log.lastSequence();
  await eventually(() => expect(projector.health.applied).toBe(last));
}, 300_000);

it('finds a lost end, also where the log has grown again meanwhile', async () => {
  await lives(60, 64 * 1024);
  await projected();
  const end = await log.lastSequence();
  await damaged('kill', async (blocks) => {
    const last = blocks.at(-1)!;
    await flip16(last, Math.floor((await stat(last)).size / 2));
  });
  expect(await log.lastSequence()).toBeLessThan(end);
  const { stops } = project();
  await eventually(() => expect(stops).toHaveLength(1));
  expect(stops[0]).toMatchObject({
    code: 'log_mismatch',
    message: expect.stringMatching(new RegExp(`the projection is at ${end}: it has lost sequences`)),
  });
  while ((await log.lastSequence()) <= end) await lives(5, 10);
  const again = project();
  await eventually(() => expect(again.stops).toHaveLength(1));
  expect(again.stops[0]).toMatchObject({
    code: 'log_mismatch',
    message: expect.stringContaining(`at sequence ${end} it has event`),
  });
}, 300_000);

it('takes an erasure that named its records for none', async () => {
  await lives(20, 10);
  const { projector, stops } = project();
  const before = await log.lastSequence();
  await eventually(() => expect(projector.health.applied).toBe(before));
  const conversation = uuidv7();
  const context = { subject: conversation, tenant: 'default', now: new Date().toISOString(), newId: uuidv7 };
  await log.append([
    conversationEvent(context, 'llmq.conversation.erased.v1', { by: 'ann', reason: 'wish', messages: 0 }),
  ]);
  // Of each message here, the second record: its call and its answer.
  const sequences: [number, number][] = [
    [4, 5],
    [8, 9],
  ];
  const begun = conversationEvent(context, 'llmq.conversation.erasure-begun.v1', { sequences });
  await log.append([begun]);
  await log.erase([4, 5, 8, 9]);
  const last = await log.lastSequence();
  await eventually(() => expect(projector.health).toMatchObject({ applied: last, lag: 0, error: null }));
  await projector.stop();
  const later = project();
  await eventually(() => expect(later.projector.health).toMatchObject({ active: true, lag: 0 }));
  // One more is gone that nobody named.
  await log.erase([12]);
  await eventually(() => expect(later.stops).toHaveLength(1), { withinMs: 60_000 });
  expect(later.stops[0]?.message).toContain('has lost sequences 12 to 13 (one record)');
  expect(stops).toEqual([]);
}, 300_000);
