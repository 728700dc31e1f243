import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { systemSources } from '../../src/platform/clock.js';
import { Projector } from '../../src/projection/fold/projector.js';
import { MessageReader } from '../../src/projection/read/message-reader.js';
import { type RebuildPhase, rebuild } from '../../src/projection/rebuild/rebuild.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';
import { ArrayLog, life, tangledLog, withConversations } from './projection.fixture.js';

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

async function tables(): Promise<DataSource> {
  const dataSource = await openSchema(postgres.url);
  opened = [...opened, dataSource];
  return dataSource;
}

function run(dataSource: DataSource, log: ArrayLog): { projector: Projector; announced: number[] } {
  const announced: number[] = [];
  const projector = new Projector({
    ...{ log, dataSource, maxBatch: 50, logger: silentLogger, sources: systemSources },
    announce: (applied) => announced.push(applied),
  });
  started = [...started, projector];
  projector.start();
  return { projector, announced };
}

interface Overrides {
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly maxBatch?: number;
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: RebuildPhase, applied: number) => void;
}

function rebuildOf(dataSource: DataSource, log: ArrayLog, overrides: Overrides = {}): Promise<number> {
  return rebuild({
    ...{ log, database: databaseOf(dataSource), maxBatch: overrides.maxBatch ?? 40 },
    ...{ resume: overrides.resume ?? false, force: overrides.force ?? false, sources: systemSources },
    signal: overrides.signal ?? new AbortController().signal,
    onProgress: ({ phase, applied }) => overrides.onPhase?.(phase, applied),
  });
}

async function schemas(dataSource: DataSource): Promise<string[]> {
  const { schema } = databaseOf(dataSource);
  const rows = await dataSource.query(
    `SELECT nspname FROM pg_namespace WHERE nspname LIKE $1 AND nspname NOT LIKE '%\\_read' ORDER BY 1`,
    [`${schema}%`],
  );
  return rows.map(({ nspname }: { nspname: string }) => nspname.slice(schema.length));
}

async function generation(dataSource: DataSource): Promise<string> {
  const { schema } = databaseOf(dataSource);
  const [row] = await dataSource.query(`SELECT generation FROM "${schema}".projection_checkpoint`);
  return row.generation;
}

it('gives tables that equal the live ones row by row, with their indexes', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  await log.append(withConversations(tangledLog(600, 21)));
  await foldToEnd(dataSource, log, 33);
  const [live, before] = [await digests(dataSource), await generation(dataSource)];
  // So many that they are copied, in transactions that messages begin before and end behind.
  expect(log.stored.length).toBeGreaterThan(2_000);
  expect(await rebuildOf(dataSource, log, { maxBatch: 700 })).toBe(log.stored.length);
  expect(await digests(dataSource)).toEqual(live);
  expect(await generation(dataSource)).not.toBe(before);
  expect(await schemas(dataSource)).toEqual(['']);
  const { schema } = databaseOf(dataSource);
  const [{ seen, there }] = await dataSource.query(
    `SELECT (SELECT count(*) FROM "${schema}_read".attempts) AS seen, (SELECT count(*) FROM "${schema}".attempts) AS there`,
  );
  expect([seen > 0, seen]).toEqual([true, there]);
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  expect(upQueries).toEqual([]);
});

it('makes good what was altered by hand', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  await log.append(tangledLog(50, 22));
  await foldToEnd(dataSource, log, 33);
  const live = await digests(dataSource);
  const { schema } = databaseOf(dataSource);
  await dataSource.query(`DELETE FROM "${schema}".messages`);
  await dataSource.query(`DROP TABLE "${schema}".attempts, "${schema}".projection_checkpoint CASCADE`);
  await rebuildOf(dataSource, log);
  expect(await digests(dataSource)).toEqual(live);
});

it('swaps under a projector and readers at work: nothing is lost, and no message goes back in time', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  const { projector, announced } = run(dataSource, log);
  const reader = new MessageReader(dataSource);
  const first = uuidv7();
  await log.append(life(first));
  await eventually(() => expect(projector.health.applied).toBe(4));

  let over = false;
  let most = 0;
  const writing = (async () => {
    for (let seed = 0; !over; seed += 1) {
      // No faster than the tables take it: a rebuild must come to the end of the log, however slow the machine is.
      const isBehind = log.stored.length - projector.health.applied >= 500;
      if (!isBehind && log.stored.length < most) await log.append(tangledLog(5, seed));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const reading = (async () => {
    let reads = 0;
    for (; !over; reads += 1) {
      expect(await reader.find('default', first)).toMatchObject({ status: 'completed' });
      const page = await reader.list({ tenant: 'default', status: 'completed' }, 'newest_first', 5, null);
      expect(page.data.length).toBeGreaterThan(0);
      // Without a pause it would leave the rebuild little of the processor.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return reads;
  })();
  for (let round = 0; round < 4; round += 1) {
    most += 2_000;
    await rebuildOf(dataSource, log);
  }
  over = true;
  await writing;
  expect(await reading).toBeGreaterThan(10);

  await eventually(() => expect(projector.health).toMatchObject({ applied: log.stored.length, error: null }));
  expect(announced).toEqual([...announced].sort((one, other) => one - other));
  const reference = await tables();
  await foldToEnd(reference, log, 1_000);
  expect(await digests(dataSource)).toEqual(await digests(reference));
  // Four rebuilds, each of a log that grows meanwhile: 16 s on a machine at rest, and many times that on a busy one.
}, 900_000);

/** Of one transaction: few are written row by row, many are copied. */
const FEW = 40;
const MANY = 700;

it.each([FEW, MANY])(
  'leaves the live tables as they are when it is broken off, and goes on from there when told to (%i events at a time)',
  async (maxBatch) => {
    const dataSource = await tables();
    const log = new ArrayLog();
    await log.append(tangledLog(300, 23));
    await foldToEnd(dataSource, log, 100);
    const [live, before] = [await digests(dataSource), await generation(dataSource)];

    const breaking = new AbortController();
    const broken = rebuildOf(dataSource, log, {
      maxBatch,
      signal: breaking.signal,
      onPhase: (_, applied) => applied > 300 && breaking.abort(),
    });
    await expect(broken).rejects.toMatchObject({ code: 'rebuild_aborted' });
    expect(await generation(dataSource)).toBe(before);
    expect(await digests(dataSource)).toEqual(live);
    expect(await schemas(dataSource)).toEqual(['', '_next']);

    const seen: number[] = [];
    await rebuildOf(dataSource, log, { maxBatch, resume: true, onPhase: (_, applied) => seen.push(applied) });
    expect(seen[0]).toBeGreaterThan(300);
    expect(await generation(dataSource)).not.toBe(before);
    expect(await digests(dataSource)).toEqual(live);
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([]);
  },
);

it.each(
  (['replaying', 'indexing', 'swapping'] as const).flatMap((phase) => [
    [phase, FEW] as const,
    [phase, MANY] as const,
  ]),
)(
  'leaves the live tables whole when its sessions are killed while %s (%i events at a time), and starts afresh the next time',
  async (phase, maxBatch) => {
    const dataSource = await tables();
    const log = new ArrayLog();
    await log.append(tangledLog(400, 24));
    await foldToEnd(dataSource, log, 100);
    const live = await digests(dataSource);
    // It may be through before the kill arrives.
    await inOneOf(5, async () => {
      let killing: Promise<unknown> | null = null;
      const killed = rebuildOf(dataSource, log, {
        maxBatch,
        onPhase: (now, applied) => {
          if (now !== phase || (phase === 'replaying' && applied < 100)) return;
          killing ??= dataSource.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE application_name LIKE '%rebuild' AND pid <> pg_backend_pid()`,
          );
        },
      });
      await expect(killed).rejects.toThrow();
      await killing;
    });
    expect(await digests(dataSource)).toEqual(live);
    await eventually(async () => {
      await rebuildOf(dataSource, log, { maxBatch });
    });
    expect(await digests(dataSource)).toEqual(live);
    expect(await schemas(dataSource)).toEqual(['']);
  },
);

it('is refused while another one runs', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  await log.append(tangledLog(100, 25));
  let second: Promise<unknown> | null = null;
  // The first one goes on when the second is through, however long that takes.
  const held: ArrayLog = Object.create(log);
  held.read = async function* (from, options) {
    await second;
    yield* log.read(from, options);
  };
  await rebuildOf(dataSource, held, {
    onPhase: () => {
      second ??= rebuildOf(dataSource, log).catch((error: unknown) => error);
    },
  });
  expect(await second).toMatchObject({ code: 'rebuild_running' });
});

it('gets a projector going again that stopped because its tables belong to another log', async () => {
  const dataSource = await tables();
  const lost = new ArrayLog();
  await lost.append(tangledLog(60, 26));
  await foldToEnd(dataSource, lost, 100);
  const log = new ArrayLog();
  await log.append(tangledLog(30, 27));
  const { projector } = run(dataSource, log);
  await eventually(() =>
    expect(projector.health).toMatchObject({ running: false, error: expect.any(String) }),
  );
  const live = await digests(dataSource);
  const refused = {
    code: 'rebuild_refused',
    message: expect.stringMatching(/at sequence \d+ it has|log ends at .* has lost sequences \d+ to \d+/),
  };
  await expect(rebuildOf(dataSource, log)).rejects.toMatchObject(refused);
  expect(await digests(dataSource)).toEqual(live);
  await rebuildOf(dataSource, log, { force: true });
  expect(log.stored.map(({ event }) => event.type)).toContain('llmq.admin.log-loss-accepted.v1');
  await eventually(() =>
    expect(projector.health).toMatchObject({ running: true, applied: log.stored.length, error: null }),
  );
  await log.append(life(uuidv7()));
  await eventually(() => expect(projector.health.applied).toBe(log.stored.length));
});
