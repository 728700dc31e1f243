import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { headers, nuid } from '@nats-io/transport-node';
import { ConnectionWatch } from '../../src/broker/connection-watch.js';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import {
  EventTooLargeError,
  LogFullError,
  LogOverloadedError,
  type LogUnavailableError,
} from '../../src/log/event-log.errors.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { readUpTo } from './event-log.conformance.js';
import { type PlainNats, startPlainNats } from './event-log.plain-nats.js';
import { accepted, cancelled, ids } from './event-log.samples.js';
import { dropLog, type OpenLog, openLog } from './event-log.test-log.js';

const KIB = 1024;

describe('the limits of the log', () => {
  let nats: TestNats;
  let open: OpenLog;
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.stop());
  beforeEach(async () => {
    open = await openLog(nats);
  });
  afterEach(async () => {
    await dropLog(open.connection);
    await open.close();
  });

  it('refuses one event that is too large for a message, and takes those that came with it', async () => {
    const { log, connection } = open;
    const tooLarge = cancelled({ content: 'x'.repeat(connection.info!.max_payload) });
    const results = await Promise.allSettled([
      log.append([cancelled()]),
      log.append([cancelled(), tooLarge]),
      log.append([cancelled()]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(EventTooLargeError);
    expect(await log.lastSequence()).toBe(5);
    const [received, prioritized] = accepted({ content: 'x'.repeat(connection.info!.max_payload - 2 * KIB) });
    const longReason = { ...prioritized, traceparent: 'x'.repeat(2 * KIB) };
    await expect(log.append([received, longReason])).rejects.toBeInstanceOf(EventTooLargeError);
    expect(await log.lastSequence()).toBe(5);
  });

  it('takes events just below the size of a message, and an append larger than a batch', async () => {
    const { log, connection } = open;
    const large = () => cancelled({ content: 'x'.repeat(connection.info!.max_payload - 2 * KIB) });
    const events = [large(), large(), large()];
    await Promise.all([log.append(events), log.append([cancelled()])]);
    const stored = await readUpTo(log, 1, 9);
    expect(ids(stored.map(({ event }) => event))).toEqual(expect.arrayContaining(ids(events)));
  });

  it('says that the stream is full, stores nothing of what it refused, and recovers', async () => {
    const { log, connection } = open;
    await log.append([cancelled()]);
    const manager = await jetstreamManager(connection);
    const { config } = await manager.streams.info(EVENTS_STREAM);
    await manager.streams.update(EVENTS_STREAM, { ...config, max_bytes: 64 * KIB });
    const large = { content: 'x'.repeat(50 * KIB) };
    for (const events of [
      [cancelled(large), cancelled(large)],
      [cancelled({ content: 'x'.repeat(70 * KIB) })],
    ]) {
      await expect(log.append(events)).rejects.toBeInstanceOf(LogFullError);
    }
    expect(await log.lastSequence()).toBe(3);
    await manager.streams.update(EVENTS_STREAM, { ...config, max_bytes: -1 });
    expect((await log.append(accepted(large))).firstSequence).toBe(4);
  });

  it('waits its turn while other processes hold all the places for batches', async () => {
    // One whose time is over between a try and its answer can't be told that it was not stored.
    await inOneOf(
      5,
      async () => {
        const { log, connection } = open;
        // The server gives up on batches that are not continued for 10 seconds.
        for (let batch = 0; batch < 50; batch += 1) {
          const opening = headers();
          opening.set('Nats-Batch-Id', nuid.next());
          opening.set('Nats-Batch-Sequence', '1');
          connection.publish('llmq.events.low.x.0', 'never committed', { headers: opening });
        }
        // The two wait in the same batch, which an append of several records needs. What its caller was told of the first must stay true when the second is stored.
        const told = cancelled();
        const impatient = log.append([told], { timeoutMs: 1_000 });
        const patient = log.append([...accepted(), ...accepted()], { timeoutMs: 60_000 });
        const { code, outcome } = await impatient.then(
          () => ({ code: 'stored', outcome: 'stored' }),
          (error: LogUnavailableError) => error,
        );
        const { firstSequence } = await patient;
        expect({ code, outcome }).toEqual({ code: 'log_unavailable', outcome: 'not_stored' });
        const stored = await readUpTo(log, 1, firstSequence + 3);
        expect(stored).toHaveLength(4);
        expect(ids(stored.map(({ event }) => event))).not.toContain(told.id);
      },
      async () => {
        await dropLog(open.connection);
        await open.close();
        open = await openLog(nats);
      },
    );
  });
});

describe('the log without its broker', () => {
  let nats: TestNats;
  let open: OpenLog;
  beforeEach(async () => {
    nats = await startTestNats();
    open = await openLog(nats, { appendTimeoutMs: 700, appendBufferBytes: 100 * KIB });
  });
  afterEach(async () => {
    await open.close();
    await nats.stop();
  });

  it('holds so much and no more, tells each caller in time, and goes on when the broker is back', async () => {
    const { log } = open;
    await log.append(accepted(), { timeoutMs: 30_000 });
    const down = new Promise<void>((resolve) => ConnectionWatch.of(open.connection).onDown(resolve));
    await nats.kill();
    await down;
    const began = performance.now();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => log.append([cancelled({ content: 'x'.repeat(10 * KIB) })])),
    );
    // Nothing else would ever end the wait.
    expect(performance.now() - began).toBeLessThan(100_000);
    const errors = results.map((result) => (result as PromiseRejectedResult).reason as Error);
    const overloaded = errors.filter((error) => error instanceof LogOverloadedError);
    expect(overloaded.length).toBe(11);
    expect(errors.filter((error) => (error as { outcome?: string }).outcome === 'not_stored')).toHaveLength(
      9,
    );
    await expect(log.get(2)).rejects.toMatchObject({ code: 'log_unavailable' });

    // Memory is free again: what comes now waits, and is stored when the broker returns.
    const patient = log.append(accepted(), { timeoutMs: 60_000 });
    await nats.restart();
    expect(await patient).toEqual({ firstSequence: 4, duplicate: false });
    expect(await log.lastSequence()).toBe(5);
  });

  it('settles everything under way before it is closed', async () => {
    const { log } = open;
    await nats.kill();
    const append = log.append([cancelled()]).catch((error: Error) => error);
    await log.close();
    expect(await Promise.race([append, Promise.resolve('open')])).toMatchObject({ code: 'log_unavailable' });
  });
});

describe('a broker that takes small batches only', () => {
  let nats: PlainNats;
  beforeAll(async () => {
    nats = await startPlainNats((dir) => ({
      jetstream: { store_dir: dir, limits: { batch: { max_msgs: 10 } } },
    }));
  });
  afterAll(() => nats.stop());

  it('gets them', async () => {
    const { log, close } = await openLog({ ...nats, user: '', password: '' });
    const appends = Array.from({ length: 60 }, () => accepted());
    const results = await Promise.all(appends.map((events) => log.append(events)));
    expect(new Set(results.map(({ firstSequence }) => firstSequence)).size).toBe(60);
    expect(await log.lastSequence()).toBe(121);
    const tooMany = Array.from({ length: 11 }, () => cancelled());
    await expect(log.append(tooMany)).rejects.toMatchObject({ code: 'invalid_append' });
    await close();
  });
});
