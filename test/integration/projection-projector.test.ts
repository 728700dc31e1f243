import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { MalformedEventError } from '../../src/log/event-log.errors.js';
import { systemSources } from '../../src/platform/clock.js';
import { Projector } from '../../src/projection/fold/projector.js';
import type { ProjectionStop } from '../../src/projection/fold/projector.port.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { eventually } from '../support/eventually.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';
import { ArrayLog, completed, dispatched, life, received, tangledLog } from './projection.fixture.js';

let postgres: TestPostgres;
let opened: DataSource[] = [];
let started: Projector[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterEach(async () => {
  await Promise.all(started.map((projector) => projector.stop()));
  await Promise.all(opened.map((dataSource) => dataSource.destroy()));
  opened = [];
  started = [];
});
afterAll(() => postgres?.stop());

async function tables(schema?: string): Promise<DataSource> {
  const dataSource = await openSchema(postgres.url, schema);
  opened = [...opened, dataSource];
  return dataSource;
}

interface Running {
  readonly stops: ProjectionStop[];
  readonly projector: Projector;
  readonly announced: { applied: number; run: string }[];
}

function run(dataSource: DataSource, log: ArrayLog, maxBatch = 50): Running {
  const announced: { applied: number; run: string }[] = [];
  const stops: ProjectionStop[] = [];
  const projector = new Projector({
    ...{ log, dataSource, maxBatch, logger: silentLogger, sources: systemSources },
    onStopped: (stop) => stops.push(stop),
    announce: (applied, run) => announced.push({ applied, run }),
  });
  started = [...started, projector];
  projector.start();
  return { projector, announced, stops };
}

async function endSessions(dataSource: DataSource, like: string): Promise<number> {
  const rows = await dataSource.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1 AND pid <> pg_backend_pid()',
    [like],
  );
  return rows.length;
}

async function expectedTables(log: ArrayLog) {
  const reference = await tables();
  await foldToEnd(reference, log, 10_000);
  return digests(reference);
}

it('writes each event exactly once while its sessions are ended in the middle of batches', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  const { projector } = run(dataSource, log, 20);
  const events = tangledLog(1_500, 11);
  for (let at = 0; at < events.length; at += 60) {
    await log.append(events.slice(at, at + 60));
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (at % 360 === 0) {
      // It may be between two sessions.
      await eventually(async () => expect(await endSessions(dataSource, '%projector')).toBeGreaterThan(0));
    }
  }
  await eventually(() => expect(projector.health.applied).toBe(events.length));
  expect(await digests(dataSource)).toEqual(await expectedTables(log));
  await eventually(() =>
    expect(projector.health).toMatchObject({ running: true, active: true, lag: 0, error: null }),
  );
});

it('goes on by itself after PostgreSQL was killed, and announces where the tables really are', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  const { projector, announced } = run(dataSource, log);
  await log.append(tangledLog(200, 3));
  await eventually(() => expect(projector.health.applied).toBe(log.stored.length));
  await postgres.kill();
  await log.append(tangledLog(200, 4));
  await eventually(() =>
    expect(projector.health).toMatchObject({ active: false, error: expect.any(String) }),
  );
  await postgres.restart();
  await eventually(() => expect(projector.health).toMatchObject({ applied: log.stored.length, error: null }));
  expect(await digests(dataSource)).toEqual(await expectedTables(log));
  expect(new Set(announced.map(({ run }) => run)).size).toBeGreaterThan(1);
});

it('has one active projector of several; another takes over when its session dies, and writes no event twice', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  const all = [run(dataSource, log), run(dataSource, log), run(dataSource, log)].map(
    ({ projector }) => projector,
  );
  const active = () => all.filter((projector) => projector.health.active);
  await eventually(() => expect(active()).toHaveLength(1));
  const [first] = active();
  await log.append(tangledLog(300, 5));
  await eventually(() => expect(first!.health.applied).toBe(log.stored.length));
  await first!.stop();
  await log.append(tangledLog(300, 6));
  await eventually(() => expect(active().map(({ health }) => health.applied)).toEqual([log.stored.length]));
  expect(active()[0]).not.toBe(first);
  expect(await digests(dataSource)).toEqual(await expectedTables(log));
});

it('is fenced by another writer, and goes on from where that one left the tables', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  const { projector, announced } = run(dataSource, log);
  await log.append(life(uuidv7()));
  await eventually(() => expect(projector.health.applied).toBe(4));
  // A writer without the lock: what a projector is that lost its lock without knowing.
  const { schema } = databaseOf(dataSource);
  await dataSource.query(`UPDATE "${schema}".projection_checkpoint SET generation = gen_random_uuid()`);
  await log.append(life(uuidv7()));
  await eventually(() => expect(projector.health).toMatchObject({ applied: 8, active: true, error: null }));
  expect(announced.map(({ applied }) => applied)).toEqual([0, 4, 4, 8]);
  expect(await digests(dataSource)).toEqual(await expectedTables(log));
});

describe('stops, and says why, and skips nothing', () => {
  async function stopped(log: ArrayLog, dataSource: DataSource, error: RegExp) {
    const { projector, stops } = run(dataSource, log);
    await eventually(() =>
      expect(projector.health).toMatchObject({
        running: false,
        active: false,
        error: expect.stringMatching(error),
      }),
    );
    expect(stops).toEqual([
      {
        code: expect.stringMatching(/./),
        message: projector.health.error,
        applied: projector.health.applied,
      },
    ]);
    return projector;
  }

  it('at a malformed event, after all that came before it', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    await log.append([...life(uuidv7()), ...life(uuidv7())]);
    log.poison = { sequence: 6, error: new MalformedEventError('unknown type "x"', 6) };
    const projector = await stopped(log, dataSource, /sequence 6.*unknown type/);
    expect(projector.health.applied).toBe(5);
    // A version that understands the event takes the lock at once.
    log.poison = null;
    const { projector: newer } = run(dataSource, log);
    await eventually(() => expect(newer.health.applied).toBe(8));
  });

  it('at an event of a message that was never received', async () => {
    const log = new ArrayLog();
    await log.append([...life(uuidv7()), dispatched(uuidv7())]);
    await stopped(log, await tables(), /dispatched\.v1 at sequence 5 .* never received/);
  });

  it('at a subject that is no message id', async () => {
    const log = new ArrayLog();
    await log.append(received('not-a-uuid'));
    await stopped(log, await tables(), /sequence 1.*"not-a-uuid"/);
  });

  it('when the log ends before the checkpoint', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    await log.append(life(uuidv7()));
    await foldToEnd(dataSource, log, 10);
    const lost = new ArrayLog();
    await lost.append(log.stored.slice(0, 2).map(({ event }) => event));
    await stopped(lost, dataSource, /ends at sequence 2, the projection is at 4.*projections:rebuild/);
  });

  it('when it is another log, however long', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    await log.append(life(uuidv7()));
    await foldToEnd(dataSource, log, 10);
    const other = new ArrayLog();
    await other.append([...life(uuidv7()), ...life(uuidv7())]);
    await stopped(other, dataSource, /at sequence 4 it has event/);
  });

  it('when the log is replaced by a shorter one while it runs', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    const { projector } = run(dataSource, log);
    await log.append(life(uuidv7()));
    await eventually(() => expect(projector.health.applied).toBe(4));
    log.stored.splice(1);
    await eventually(() =>
      expect(projector.health).toMatchObject({
        running: false,
        error: expect.stringContaining('lost or replaced'),
      }),
    );
  });

  it('when the tables hold what the checkpoint says is new', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    const id = uuidv7();
    await log.append([...received(id), dispatched(id)]);
    await foldToEnd(dataSource, log, 10);
    const { schema } = databaseOf(dataSource);
    await log.append([completed(id)]);
    await dataSource.query(
      `INSERT INTO "${schema}".message_events VALUES ($1, 4, 'llmq.message.completed.v1', now())`,
      [id],
    );
    await stopped(log, dataSource, /message_events_pkey/);
  });
});
