import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JetStreamManager } from '@nats-io/jetstream';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { type BrokenWire, openBrokenWire } from './event-log.broken-wire.js';
import { cancelled } from './event-log.samples.js';
import { dropLog, type OpenLog, openLog } from './event-log.test-log.js';

describe('reading the log', () => {
  let nats: TestNats;
  let wire: BrokenWire;
  let near: OpenLog;
  /** Reads over a wire that can break. */
  let far: OpenLog;
  let manager: JetStreamManager;
  let end: AbortController;
  const sequences: number[] = [];
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.stop());
  beforeEach(async () => {
    wire = await openBrokenWire(nats.port);
    near = await openLog(nats);
    far = await openLog({ ...nats, url: wire.url });
    manager = await jetstreamManager(near.connection);
    end = new AbortController();
    sequences.length = 0;
  });
  afterEach(async () => {
    end.abort();
    await far.close();
    await dropLog(near.connection);
    await near.close();
    await wire.close();
  });

  async function read(maxBatch: number): Promise<void> {
    for await (const batch of far.log.read(1, { signal: end.signal, maxBatch })) {
      sequences.push(...batch.map(({ sequence }) => sequence));
    }
  }

  async function append(events: number, content = ''): Promise<void> {
    await Promise.all(Array.from({ length: events }, () => near.log.append([cancelled({ content })])));
  }

  /** The positions of so many records of one event. */
  const upTo = (last: number) => Array.from({ length: last }, (_, index) => 2 * index + 3);
  const hasRead = (last: number) => eventually(() => expect(sequences).toEqual(upTo(last)));

  it('holds no more than two batches for a reader that is slow', async () => {
    await append(5_000);
    const iterator = far.log.read(1, { signal: end.signal, maxBatch: 100 })[Symbol.asyncIterator]();
    const first = (await iterator.next()).value!;
    await sleep(500);
    // Two for a moment where a reader that was held up has made it anew.
    const consumers = await eventually(async () => {
      const found = await manager.consumers.list(EVENTS_STREAM).next();
      expect(found).toHaveLength(1);
      return found;
    });
    expect(consumers[0]!.delivered.stream_seq).toBeLessThanOrEqual(300);
    const wanted = upTo(5_000).slice(first.length);
    while (wanted.length > 0) {
      for (const { sequence } of (await iterator.next()).value!) expect(sequence).toBe(wanted.shift());
    }
    await iterator.return?.();
    await eventually(async () => {
      expect(await manager.consumers.list(EVENTS_STREAM).next()).toHaveLength(0);
    });
  });

  it('is bounded in bytes, too, and passes events of many megabytes', async () => {
    await append(12, 'x'.repeat(3 * 1024 * 1024));
    const reading = read(1_000);
    await hasRead(12);
    end.abort();
    await reading;
  });

  it('holds few megabytes for a reader that is slow, however many pulls they came in', async () => {
    await append(60, 'x'.repeat(1024 * 1024));
    const iterator = far.log.read(1, { signal: end.signal, maxBatch: 1_000 })[Symbol.asyncIterator]();
    await iterator.next();
    await sleep(1_500);
    const [consumer] = await manager.consumers.list(EVENTS_STREAM).next();
    expect(consumer!.delivered.consumer_seq).toBeLessThan(45);
    await iterator.return?.();
  });

  it('goes on when its consumer is deleted', async () => {
    const reading = read(10);
    await append(50);
    await hasRead(50);
    for (const { name } of await manager.consumers.list(EVENTS_STREAM).next()) {
      await manager.consumers.delete(EVENTS_STREAM, name);
    }
    await append(50);
    await hasRead(100);
    end.abort();
    await reading;
  });

  it('goes on when its connection is cut again and again', async () => {
    const reading = read(7);
    for (let cut = 1; cut <= 5; cut += 1) {
      await append(300);
      wire.cut();
    }
    await append(1);
    await hasRead(1_501);
    end.abort();
    await reading;
  });

  it('goes on when what was sent to it never came, on a connection that stands', async () => {
    const reading = read(10);
    await append(5);
    await hasRead(5);
    wire.swallowAnswers();
    await append(20);
    await sleep(200);
    wire.heal();
    await append(5);
    await hasRead(30);
    end.abort();
    await reading;
  });

  it('goes on when the server falls silent', async () => {
    const reading = read(10);
    await append(5);
    await hasRead(5);
    wire.swallowAnswers();
    await append(5);
    // The watchdog gives a silent pull up after six seconds; nothing else would, on an idle log.
    await sleep(7_000);
    wire.heal();
    await hasRead(10);
    end.abort();
    await reading;
  });
});
