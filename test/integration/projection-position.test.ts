import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { systemSources } from '../../src/platform/clock.js';
import { Projector } from '../../src/projection/fold/projector.js';
import { LogAgreement } from '../../src/projection/read/log-agreement.js';
import { PositionChannel } from '../../src/projection/read/nats/position-channel.js';
import { ProjectionHealth } from '../../src/projection/read/projection-health.js';
import { ProjectionPosition } from '../../src/projection/read/projection-position.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { eventually } from '../support/eventually.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';
import { life, tangledLog } from './projection.fixture.js';

let broker: TestNats;
let postgres: TestPostgres;
let dataSource: DataSource;
let schema: string;
let log: JetStreamEventLog;
let cleanUps: (() => unknown)[] = [];

beforeAll(async () => {
  [broker, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  const connection = await connected();
  await ensureStreams(connection, 1);
  log = new JetStreamEventLog(connection, silentLogger, {
    appendTimeoutMs: 30_000,
    appendBufferBytes: 64 << 20,
  });
});
beforeEach(async () => {
  dataSource = await openSchema(postgres.url);
  ({ schema } = databaseOf(dataSource));
});
afterEach(async () => {
  for (const cleanUp of [...cleanUps].reverse()) await cleanUp();
  cleanUps = [];
  await dataSource.destroy();
});
afterAll(async () => {
  await log?.close();
  for (const connection of connections) await connection.close();
  await Promise.all([broker?.stop(), postgres?.stop()]);
});

const connections: NatsConnection[] = [];
async function connected(): Promise<NatsConnection> {
  const connection = await connect({
    ...{ servers: broker.url, user: broker.user, pass: broker.password },
    ...{ maxReconnectAttempts: -1, reconnectTimeWait: 100 },
  });
  connections.push(connection);
  return connection;
}

/** What a process without a projector has. */
async function follower(ofSchema = schema): Promise<ProjectionPosition> {
  const tracker = new ProjectionPosition(dataSource);
  const channel = new PositionChannel(await connected(), { database: { schema: ofSchema } });
  cleanUps.push(
    channel.listen(
      (applied, run) => tracker.heard(applied, run),
      () => void tracker.reread(),
    ),
  );
  return tracker;
}

async function startProjector(): Promise<Projector> {
  const channel = new PositionChannel(await connected(), { database: { schema } });
  const projector = new Projector({
    ...{ log, dataSource, maxBatch: 200, logger: silentLogger, sources: systemSources },
    announce: (applied, run) => channel.announce(applied, run),
  });
  cleanUps.push(() => projector.stop());
  projector.start();
  return projector;
}

it('is heard by other processes as it is applied, and only of their own schema', async () => {
  const [here, elsewhere] = [await follower(), await follower('another')];
  await startProjector();
  const { firstSequence } = await log.append(life(uuidv7()));
  expect(await here.waitFor(firstSequence + 3, 120_000)).toBe(true);
  expect(here.applied).toBeGreaterThanOrEqual(firstSequence + 3);
  expect(elsewhere.applied).toBe(0);
});

it('is found in PostgreSQL by who waits and hears nothing', async () => {
  const tracker = new ProjectionPosition(dataSource);
  const { firstSequence } = await log.append(life(uuidv7()));
  const waiting = tracker.waitFor(firstSequence + 3, 120_000);
  await foldToEnd(dataSource, log, 500);
  expect(await waiting).toBe(true);
});

it('gives up at the end of the time, or when told to', async () => {
  const tracker = await follower();
  expect(await tracker.waitFor(1_000_000, 50)).toBe(false);
  const given = new AbortController();
  const waiting = tracker.waitFor(1_000_000, 60_000, given.signal);
  given.abort();
  expect(await waiting).toBe(false);
  expect(await tracker.waitFor(1_000_000, 60_000, given.signal)).toBe(false);
});

it('follows the projection over a killed broker, and the tables hold every event once', async () => {
  const tracker = await follower();
  const projector = await startProjector();
  await log.append(tangledLog(150, 31));
  await eventually(async () => expect(projector.health.applied).toBe(await log.lastSequence()));
  await broker.kill();
  await broker.restart();
  const more = await log.append(tangledLog(60, 32));
  expect(await tracker.waitFor(more.firstSequence, 120_000)).toBe(true);
  await eventually(async () =>
    expect(projector.health).toMatchObject({ applied: await log.lastSequence(), active: true, error: null }),
  );
  const live = await digests(dataSource);
  const reference = await openSchema(postgres.url);
  cleanUps.push(() => reference.destroy());
  await foldToEnd(reference, log, 5_000);
  expect(await digests(reference)).toEqual(live);
});

it('is unhealthy when nobody works on what is behind, and not before', async () => {
  let now = 0;
  const agreement = new LogAgreement(dataSource, log, new ProjectionPosition(dataSource));
  const health = new ProjectionHealth(dataSource, log, agreement, { steadyMs: () => now });
  await log.append(life(uuidv7()));
  expect(await health.check()).toMatchObject({ ok: true });
  now += 14_000;
  expect(await health.check()).toMatchObject({ ok: true });
  now += 2_000;
  expect(await health.check()).toMatchObject({ ok: false, detail: expect.stringContaining('projector') });
  await foldToEnd(dataSource, log, 500);
  expect(await health.check()).toMatchObject({ ok: true, detail: 'up to date with the log' });
});
