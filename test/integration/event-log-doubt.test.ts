import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { ConnectionWatch } from '../../src/broker/connection-watch.js';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import type { LogEvent } from '../../src/domain/log-event.events.js';
import { AnswerInbox } from '../../src/log/jetstream/answer-inbox.js';
import type { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { StoredWrites } from '../../src/log/jetstream/stored-writes.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { type BrokenWire, openBrokenWire } from './event-log.broken-wire.js';
import { readUpTo } from './event-log.conformance.js';
import { accepted, cancelled, ids, positions, positionsOf } from './event-log.samples.js';
import { dropLog, type OpenLog, openLog } from './event-log.test-log.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

describe('an append whose answer is lost', () => {
  let wire: BrokenWire;
  /** Behind the wire that breaks. */
  let far: OpenLog;
  /** Straight at the server, to see what it holds. */
  let near: OpenLog;

  beforeEach(async () => {
    wire = await openBrokenWire(nats.port);
    near = await openLog(nats);
    far = await openLog({ ...nats, url: wire.url });
    // The first request of a connection makes its mux; a broken wire is no place for that.
    await far.log.append([cancelled()]);
  });
  afterEach(async () => {
    await far.close();
    await dropLog(near.connection);
    await near.close();
    await wire.close();
  });

  /** Appends while answers are swallowed, waits until the server has stored, and cuts the wire. */
  async function appendInDoubt(
    append: (log: JetStreamEventLog) => Promise<unknown>[],
    storedUpTo: number,
  ): Promise<unknown[]> {
    wire.swallowAnswers();
    const results = Promise.all(append(far.log));
    await eventually(async () => expect(await near.log.lastSequence()).toBe(storedUpTo));
    wire.cut();
    return results;
  }

  const cases: [string, LogEvent[][]][] = [
    ['a single event', [[cancelled()]]],
    ['one append of two events', [accepted()]],
    ['an append of several records', [[...accepted(), cancelled(), ...accepted()]]],
    ['a few appends, written one by one', [accepted(), [cancelled()], accepted()]],
    ['a batch of many appends', Array.from({ length: 50 }, (_, i) => (i % 3 ? accepted() : [cancelled()]))],
  ];
  for (const [name, appends] of cases) {
    for (const keyed of [false, true]) {
      it(`stores ${name} once${keyed ? ', with keys' : ''}, and tells where`, async () => {
        const events = appends.flat();
        const expected = positionsOf(events, 1);
        const results = await appendInDoubt(
          (log) =>
            appends.map((each, index) => log.append(each, keyed ? { dedupeKey: `k${index}` } : undefined)),
          expected.at(-1)!,
        );
        let next = 0;
        for (const [index, result] of results.entries()) {
          expect(result).toEqual({ firstSequence: expected[next], duplicate: false });
          next += appends[index]!.length;
        }
        const stored = await readUpTo(near.log, 4, expected.at(-1)!);
        expect(ids(stored.map(({ event }) => event))).toEqual(ids(events));
        expect(positions(stored)).toEqual(expected);
        expect(await near.log.lastSequence()).toBe(expected.at(-1));
      });
    }
  }

  it('tells another append with the key from its own, also in doubt', async () => {
    await near.log.append([cancelled()], { dedupeKey: 'taken' });
    wire.swallowAnswers();
    const result = far.log.append(accepted(), { dedupeKey: 'taken' });
    await sleep(300);
    wire.cut();
    expect(await result).toEqual({ firstSequence: 5, duplicate: true });
    expect(await near.log.lastSequence()).toBe(5);
  });

  it('gives up with an unknown outcome at its deadline, and the event is there at most once', async () => {
    wire.swallowAnswers();
    const event = cancelled();
    const result = far.log.append([event], { timeoutMs: 1_500 });
    await expect(result).rejects.toMatchObject({ code: 'log_unavailable', outcome: 'unknown' });
    // What is still on the wire would be cut off.
    await eventually(async () => expect(await near.log.lastSequence()).toBe(5));
    wire.cut();
    await far.log.append([cancelled()]);
    const stored = await readUpTo(near.log, 1, await near.log.lastSequence());
    expect(ids(stored.map((each) => each.event)).filter((id) => id === event.id)).toHaveLength(1);
  });

  for (const [name, appends] of cases) {
    it(`is looked for in the log when the broker has forgotten it: ${name}`, async () => {
      await far.close();
      far = await openLog({ ...nats, url: wire.url });
      await forgetAfter(near.connection, 1_000);
      await far.log.append([cancelled()]);
      const events = appends.flat();
      const expected = positionsOf(events, 2);
      wire.swallowAnswers();
      const results = Promise.all(appends.map((each) => far.log.append(each)));
      await eventually(async () => expect(await near.log.lastSequence()).toBe(expected.at(-1)));
      await sleep(1_500);
      wire.cut();
      expect((await results).every(({ duplicate }) => !duplicate)).toBe(true);
      expect(await near.log.lastSequence()).toBe(expected.at(-1));
      const stored = await readUpTo(near.log, 6, expected.at(-1)!);
      expect(ids(stored.map(({ event }) => event))).toEqual(ids(events));
    });
  }

  it('is completed where the broker holds its first part only', async () => {
    const events = [...accepted(), cancelled(), ...accepted(), cancelled(), ...accepted()];
    wire.swallowAnswers();
    const result = far.log.append(events);
    await eventually(async () => expect(await near.log.lastSequence()).toBe(13));
    await near.log.erase([10, 12]);
    wire.cut();
    expect(await result).toEqual({ firstSequence: 4, duplicate: false });
    const stored = await readUpTo(near.log, 4, 17);
    expect(ids(stored.map(({ event }) => event))).toEqual(ids(events));
    expect(await near.log.lastSequence()).toBe(17);
  });

  it('goes on for as long as its caller wants, as the same append', async () => {
    await far.close();
    far = await openLog({ ...nats, url: wire.url }, { appendTimeoutMs: 200 });
    await far.log.append([cancelled()], { timeoutMs: 30_000 });
    const stop = new AbortController();
    const given = new AbortController();
    wire.swallowAnswers();
    const result = far.log.append(accepted(), { until: stop.signal });
    await sleep(1_000);
    const other = far.log.append([cancelled()], { until: given.signal });
    given.abort();
    await expect(other).rejects.toMatchObject({ code: 'log_unavailable' });
    wire.cut();
    expect(await result).toEqual({ firstSequence: 6, duplicate: false });
  });

  it('is sent again on a connection that stands, when no answer comes', async () => {
    wire.swallowAnswers();
    const result = far.log.append(accepted());
    await eventually(async () => expect(await near.log.lastSequence()).toBe(5));
    wire.heal();
    expect(await result).toEqual({ firstSequence: 4, duplicate: false });
    expect(await near.log.lastSequence()).toBe(5);
  });

  it('tells what waits behind it that nothing was stored', async () => {
    wire.swallowAnswers();
    const stop = new AbortController();
    const first = far.log.append([cancelled()], { until: stop.signal });
    await eventually(async () => expect(await near.log.lastSequence()).toBe(5));
    const waiting = cancelled();
    const second = far.log.append([waiting], { timeoutMs: 300 });
    await expect(second).rejects.toMatchObject({ code: 'log_unavailable', outcome: 'not_stored' });
    stop.abort();
    await expect(first).rejects.toMatchObject({ outcome: 'unknown' });
    wire.cut();
    await far.log.append([cancelled()]);
    const stored = await readUpTo(near.log, 1, await near.log.lastSequence());
    expect(ids(stored.map(({ event }) => event))).not.toContain(waiting.id);
  });
});

/** How long the broker remembers ids, from now on. */
async function forgetAfter(connection: NatsConnection, ms: number): Promise<void> {
  const { streams } = await jetstreamManager(connection);
  const { config } = await streams.info(EVENTS_STREAM);
  await streams.update(EVENTS_STREAM, { ...config, duplicate_window: nanos(ms) });
}

describe('the probe for an id', () => {
  let near: OpenLog;
  let connection: NatsConnection;
  beforeEach(async () => {
    near = await openLog(nats);
    connection = near.connection;
  });
  afterEach(async () => {
    await dropLog(connection);
    await near.close();
  });

  it('stores nothing, whether the id is known or not', async () => {
    const inbox = new AnswerInbox(connection, ConnectionWatch.of(connection));
    const stored = new StoredWrites(connection, inbox);
    const message = { subject: 'llmq.events.low.x.0', payload: Buffer.from('probe'), messageId: null };
    expect(await stored.sequenceOf(message, 'unknown')).toBeNull();
    expect(await near.log.lastSequence()).toBe(0);
    await near.log.append([cancelled()]);
    expect(await stored.sequenceOf(message, 'unknown')).toBeNull();
    expect(await near.log.lastSequence()).toBe(3);
    inbox.close();
  });
});
