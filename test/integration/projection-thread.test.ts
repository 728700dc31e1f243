import { devNull } from 'node:os';
import type { NatsConnection } from '@nats-io/transport-node';
import type { DataSource } from 'typeorm';
import type { LogEvent } from '../../src/domain/log-event.events.js';
import type { EventLog } from '../../src/log/event-log.port.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { BatchingDelay, WantedPosition } from '../../src/projection/fold/batching-delay.js';
import type { ProjectionStop } from '../../src/projection/fold/projector.port.js';
import { ThreadedProjector } from '../../src/projection/fold/threaded-projector.js';
import { ProjectionPosition } from '../../src/projection/read/projection-position.js';
import type { Changes } from '../../src/projection/tables/changes.js';
import { eventually } from '../support/eventually.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { openLog } from './event-log.test-log.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';
import { tangledLog } from './projection.fixture.js';

let nats: TestNats;
let postgres: TestPostgres;
let log: EventLog;
let connection: NatsConnection;
let closeLog: () => Promise<void>;
let live: DataSource;
let projector: ThreadedProjector;
const announced: number[] = [];
const stops: ProjectionStop[] = [];
const changes: Changes[] = [];
/** It has no tables to look into: what it knows was announced. */
const tracker = new ProjectionPosition({ options: {} } as DataSource);

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  ({ log, connection, close: closeLog } = await openLog(nats));
  live = await openSchema(postgres.url, 'live');
  const config = loadConfig({
    LLMQ_CONFIG: devNull,
    NATS_URL: nats.url,
    NATS_USER: nats.user,
    NATS_PASSWORD: nats.password,
    DATABASE_URL: postgres.url,
    DATABASE_SCHEMA: 'live',
  });
  projector = new ThreadedProjector({
    ...{ config, logger: silentLogger, demand: tracker },
    announce: (applied, run) => {
      announced.push(applied);
      tracker.heard(applied, run);
    },
    onChanged: (told) => changes.push(told),
    onStopped: (stop) => stops.push(stop),
  });
});
afterAll(async () => {
  await projector?.stop();
  await live?.destroy();
  await closeLog?.();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

async function reachesTheEnd(): Promise<void> {
  const end = await log.lastSequence();
  expect(await tracker.waitFor(end, 60_000)).toBe(true);
}

describe('the projector in its thread', () => {
  it('writes what a fold here would write, and tells where it is', async () => {
    projector.start();
    await Promise.all(tangledLog(200, 3).map((event) => log.append([event])));
    expect(await log.lastSequence()).toBeGreaterThan(200);
    await reachesTheEnd();
    const reference = await openSchema(postgres.url, 'reference');
    try {
      await foldToEnd(reference, log, 1_000);
      expect(await digests(live)).toEqual(await digests(reference));
    } finally {
      await reference.destroy();
    }
    await eventually(() =>
      expect(projector.health).toMatchObject({ running: true, active: true, lag: 0, error: null }),
    );
  });

  it('tells what its commits change while somebody watches, from where the last ones ended', async () => {
    expect(changes).toEqual([]);
    const from = await log.lastSequence();
    projector.watch();
    await eventually(() => expect(changes).toEqual([{ from, to: from, messages: [], erased: [] }]));
    const events = tangledLog(50, 5);
    await Promise.all(events.map((event) => log.append([event])));
    await reachesTheEnd();
    await eventually(async () => expect(changes.at(-1)!.to).toBe(await log.lastSequence()));
    for (const [index, { from }] of changes.slice(1).entries()) expect(from).toBe(changes[index]!.to);
    const told = changes.flatMap(({ messages }) => messages ?? []);
    const isMessage = ({ type }: LogEvent) => type.startsWith('llmq.message.');
    const changed = new Set(events.filter(isMessage).map(({ subject }) => subject));
    for (const { id, tenant } of told) expect([changed.has(id), tenant]).toEqual([true, expect.any(String)]);
    expect(told.length).toBeGreaterThan(0);
  });

  it('goes on in another thread when it is ended in the middle of its work', async () => {
    const events = tangledLog(100, 4);
    const appended = Promise.all(events.map((event) => log.append([event])));
    await projector['thread']?.terminate();
    await appended;
    await reachesTheEnd();
    expect(announced).toEqual([...announced].sort((a, b) => a - b));
    await eventually(() => expect(projector.health).toMatchObject({ active: true, error: null }));
  });

  it('tells of what it can not fold, and does not go past it', async () => {
    const at = await log.lastSequence();
    connection.publish('llmq.events.normal.completed.0', '{"type":"llmq.message.nonsense.v1"}');
    await connection.flush();
    await eventually(() => expect(stops).toHaveLength(1));
    expect(stops[0]).toMatchObject({ code: 'malformed_event', applied: at });
    await eventually(() => expect(projector.health).toMatchObject({ running: false, active: false }));
  });

  it('ends with its connections when it is stopped', async () => {
    await projector.stop();
    expect(projector.health).toMatchObject({ running: false, active: false });
    await eventually(async () => {
      const left = await live.query(
        "SELECT count(*)::int AS left FROM pg_stat_activity WHERE application_name = 'llm-message-queue projector'",
      );
      expect(left).toEqual([{ left: 0 }]);
    });
  });
});

describe('what the thread knows of waiting readers', () => {
  it('ends its pause for a position that is wanted, and not for one that is reached', async () => {
    const wanted = new WantedPosition();
    const delay = new BatchingDelay(60_000, wanted);
    wanted.reached(10);
    const pause = delay.pause();
    wanted.heard(9);
    expect(wanted.waiting).toBe(false);
    wanted.heard(11);
    await pause;
    expect(wanted.waiting).toBe(true);
    await delay.pause();
    wanted.reached(11);
    expect(wanted.waiting).toBe(false);
  });
});
