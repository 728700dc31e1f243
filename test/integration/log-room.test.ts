import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import { LogFullError } from '../../src/log/event-log.errors.js';
import { LogRoom } from '../../src/log/room/log-room.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { type BrokenWire, openBrokenWire } from './event-log.broken-wire.js';
import { type PlainNats, startPlainNats } from './event-log.plain-nats.js';
import { accepted, cancelled } from './event-log.samples.js';
import { type OpenLog, openLog } from './event-log.test-log.js';

const MIB = 1024 * 1024;

/** The watch of a log on a NATS of one's own. */
async function watch({ log }: OpenLog, settings: Record<string, unknown>): Promise<LogRoom> {
  const { nats } = configSchema.parse({ nats: settings });
  const room = new LogRoom(log, { nats }, null, silentLogger);
  await room.onModuleInit();
  return room;
}

const becomes = (room: LogRoom, kind: string, withinMs = 60_000) =>
  eventually(() => expect(room.state.kind).toBe(kind), { withinMs });

describe('the room of a log on a NATS of one’s own', () => {
  let nats: PlainNats;
  let open: OpenLog;
  let room: LogRoom;
  beforeEach(async () => {
    nats = await startPlainNats((dir) => ({
      jetstream: { store_dir: dir },
      accounts: {
        A: {
          users: [{ user: 'a', password: 'a' }],
          jetstream: { max_file: 128 * MIB, max_memory: 512 * MIB },
        },
      },
    }));
    open = await openLog({ ...nats, user: 'a', password: 'a' });
  });
  afterEach(async () => {
    room?.onApplicationShutdown();
    await open?.close();
    await nats?.stop();
  });

  it('is what the account leaves, less the reserve', async () => {
    room = await watch(open, { reserve_bytes: 126 * MIB });
    expect(room.state.kind).toBe('open');
    expect(room.reading).toMatchObject({ freeBytes: null, limitBytes: 128 * MIB });
    const large = () => cancelled({ content: 'x'.repeat(700_000) });
    await open.log.append([large()]);
    await open.log.append([large()]);
    await open.log.append([large()]);
    await becomes(room, 'store_reserve');
    expect(room.refusal()).toBeInstanceOf(LogFullError);
    expect(room.advice).toContain("the account's or the server's limit");
    // What is under way is stored all the same.
    await open.log.append([cancelled()]);
  });

  it('is what the stream leaves, where that is less', async () => {
    room = await watch(open, { reserve_bytes: 2 * MIB });
    const manager = await jetstreamManager(open.connection);
    const { config } = await manager.streams.info(EVENTS_STREAM);
    await manager.streams.update(EVENTS_STREAM, { ...config, max_bytes: MIB });
    await becomes(room, 'store_reserve');
    expect(room.reading).toMatchObject({ limitBytes: MIB });
    await manager.streams.update(EVENTS_STREAM, { ...config, max_bytes: -1 });
    await becomes(room, 'open');
    expect(room.refusal()).toBeNull();
  });

  it('is told by the refusal of a stream that is full, and asked for again', async () => {
    room = await watch(open, { reserve_bytes: 0 });
    const manager = await jetstreamManager(open.connection);
    const { config } = await manager.streams.info(EVENTS_STREAM);
    await manager.streams.update(EVENTS_STREAM, { ...config, max_bytes: 64 * 1024 });
    const large = cancelled({ content: 'x'.repeat(70 * 1024) });
    // It does not stay so: it is asked for again soon.
    await eventually(async () => {
      await expect(open.log.append([large])).rejects.toBeInstanceOf(LogFullError);
      expect(room.state.kind).toBe('store_full');
    });
    await becomes(room, 'open');
  });
});

describe('a broker that is connected and confirms no append', () => {
  let nats: TestNats;
  let wire: BrokenWire;
  let open: OpenLog;
  let room: LogRoom;
  beforeEach(start);
  afterEach(stop);

  async function start(): Promise<void> {
    nats = await startTestNats();
    wire = await openBrokenWire(nats.port);
    open = await openLog({ ...nats, url: wire.url }, { appendTimeoutMs: 4_000 });
    room = await watch(open, { append_timeout_ms: 4_000 });
  }

  async function stop(): Promise<void> {
    room.onApplicationShutdown();
    wire.cut();
    await open.close();
    await wire.close();
    await nats.stop();
  }

  it('is not ready within three seconds, refuses at once when waiting is vain, and is found well again', async () => {
    // A machine that is held up does not see each of its states.
    await inOneOf(
      5,
      async () => {
        wire.swallowAnswers();
        const began = performance.now();
        const append = open.log.append(accepted()).catch((error: Error) => error);
        await becomes(room, 'unsure', 20_000);
        expect(performance.now() - began).toBeLessThan(6_000);
        expect(room.refusal()).toBeNull();
        expect(await append).toMatchObject({ code: 'log_unavailable', outcome: 'unknown' });
        await open.log.append(accepted()).catch(() => undefined);
        await becomes(room, 'not_storing', 20_000);
        expect(room.advice).toContain('restart nats-server');
        const tries = Array.from({ length: 20 }, () => open.log.append(accepted(), { timeoutMs: 1_000 }));
        const outcomes = (await Promise.allSettled(tries)).map(
          (result) => (result as PromiseRejectedResult).reason.outcome as string,
        );
        // Stopped before it began, but for the one that finds out.
        expect(outcomes.filter((outcome) => outcome === 'not_stored').length).toBeGreaterThanOrEqual(18);

        wire.heal();
        await eventually(() => open.log.append(accepted()));
        await becomes(room, 'open');
      },
      async () => {
        await stop();
        await start();
      },
    );
  });
});
