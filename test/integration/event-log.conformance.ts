import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InvalidAppendError, MalformedEventError } from '../../src/event-log/event-log.errors.js';
import type { EventLog, StoredEvent } from '../../src/event-log/event-log.port.js';
import { accepted, cancelled, ids } from './event-log.samples.js';

export interface LogUnderTest {
  /** Empty. */
  readonly log: EventLog;
  /** Puts a record into the log that `append` would not; resolves with its sequence. */
  storeRaw(record: Uint8Array): Promise<number>;
  dispose(): Promise<void>;
}

/** What every adapter of the log must do, on whatever it stores. */
export function eventLogConformance(name: string, open: () => Promise<LogUnderTest>): void {
  describe(`${name}: the contract of EventLog`, () => {
    let use: LogUnderTest;
    beforeEach(async () => {
      use = await open();
    });
    afterEach(() => use.dispose());

    it('begins empty', async () => {
      expect(await use.log.lastSequence()).toBe(0);
      expect(await use.log.get(1)).toBeNull();
    });

    it('stores the events of an append in their order, one behind the other', async () => {
      const events = [...accepted(), ...accepted(), cancelled()];
      expect(await use.log.append(events)).toEqual({ firstSequence: 1, duplicate: false });
      expect(await use.log.lastSequence()).toBe(5);
      expect(ids((await readUpTo(use.log, 1, 5)).map((stored) => stored.event))).toEqual(ids(events));
    });

    it('stores a single event', async () => {
      const event = cancelled();
      const { firstSequence } = await use.log.append([event]);
      expect(await use.log.get(firstSequence)).toEqual({ sequence: firstSequence, event });
    });

    it('keeps appends that come together apart and whole', async () => {
      const appends = Array.from({ length: 700 }, (_, index) =>
        index % 5 === 0 ? [cancelled()] : [...accepted()],
      );
      const results = await Promise.all(appends.map((events) => use.log.append(events)));
      const total = appends.flat().length;
      const stored = await readUpTo(use.log, 1, total);
      expect(stored.map(({ sequence }) => sequence)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
      for (const [index, { firstSequence, duplicate }] of results.entries()) {
        const events = appends[index]!;
        const slice = stored.slice(firstSequence - 1, firstSequence - 1 + events.length);
        expect(ids(slice.map(({ event }) => event))).toEqual(ids(events));
        expect(duplicate).toBe(false);
      }
    });

    it('takes 1,000 events as one append, and refuses more or none', async () => {
      const most = Array.from({ length: 1_000 }, () => cancelled());
      expect((await use.log.append(most)).firstSequence).toBe(1);
      await expect(use.log.append([...most, cancelled()])).rejects.toBeInstanceOf(InvalidAppendError);
      await expect(use.log.append([])).rejects.toBeInstanceOf(InvalidAppendError);
      expect(await use.log.lastSequence()).toBe(1_000);
    });

    it('gives content back as it was, NUL and lone surrogates included', async () => {
      const content = 'a\u0000b \ud800 \udfff 你好 👩‍🚀 \u2028 "\\" é';
      const [received, prioritized] = accepted({ content });
      const { firstSequence } = await use.log.append([received, prioritized]);
      expect((await use.log.get(firstSequence))?.event).toEqual(received);
      expect((await use.log.get(firstSequence + 1))?.event).toEqual(prioritized);
    });

    it('stores an append once per dedupe key and tells where it lies', async () => {
      await use.log.append([cancelled()]);
      const options = { dedupeKey: 'a key, with any text: 你好\r\n' };
      const first = accepted();
      expect(await use.log.append(first, options)).toEqual({ firstSequence: 2, duplicate: false });
      expect(await use.log.append(accepted(), options)).toEqual({ firstSequence: 2, duplicate: true });
      expect(await use.log.append([cancelled()], options)).toEqual({ firstSequence: 2, duplicate: true });
      expect(await use.log.lastSequence()).toBe(3);
      expect((await use.log.get(2))?.event.id).toBe(first[0].id);
    });

    it('lets one of many appends with the same key in, and others with keys of their own', async () => {
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          use.log.append(accepted(), { dedupeKey: index % 4 === 0 ? 'shared' : `own-${index}` }),
        ),
      );
      const shared = results.filter((_, index) => index % 4 === 0);
      const own = results.filter((_, index) => index % 4 !== 0);
      expect(shared.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(shared.map(({ firstSequence }) => firstSequence)).size).toBe(1);
      expect(own.every(({ duplicate }) => !duplicate)).toBe(true);
      expect(await use.log.lastSequence()).toBe(2 * (own.length + 1));
    });

    it('reads from the middle, in batches of at most the size asked for', async () => {
      const events = Array.from({ length: 25 }, () => cancelled());
      await use.log.append(events);
      const end = new AbortController();
      const read: StoredEvent[] = [];
      for await (const batch of use.log.read(11, { signal: end.signal, maxBatch: 4 })) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(4);
        read.push(...batch);
        if (read.length === 15) end.abort();
      }
      expect(read.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 15 }, (_, i) => i + 11));
      expect(ids(read.map(({ event }) => event))).toEqual(ids(events.slice(10)));
    });

    it('hands out events as they are stored, to a reader that was there before them', async () => {
      const reading = readUpTo(use.log, 1, 3);
      await use.log.append(accepted());
      await use.log.append([cancelled()]);
      expect((await reading).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    });

    it('waits for a sequence that is not written yet', async () => {
      await use.log.append([cancelled()]);
      const reading = readUpTo(use.log, 3, 4);
      await use.log.append(accepted());
      await use.log.append([cancelled()]);
      expect((await reading).map(({ sequence }) => sequence)).toEqual([3, 4]);
    });

    it('ends a waiting reader on abort, and one that stops by itself', async () => {
      const end = new AbortController();
      const iterator = use.log.read(1, { signal: end.signal, maxBatch: 10 })[Symbol.asyncIterator]();
      const next = iterator.next();
      setTimeout(() => end.abort(), 50);
      expect((await next).done).toBe(true);

      await use.log.append([cancelled(), cancelled()]);
      for await (const _ of use.log.read(1, { signal: new AbortController().signal, maxBatch: 1 })) break;
    });

    it('hands out what lies before a malformed record, then names its sequence', async () => {
      await use.log.append(accepted());
      const malformed = await use.storeRaw(Buffer.from('{"type":"llmq.message.nonsense.v1"}'));
      await use.log.append([cancelled()]);
      const read: number[] = [];
      const reading = (async () => {
        const { signal } = new AbortController();
        for await (const batch of use.log.read(1, { signal, maxBatch: 100 })) {
          read.push(...batch.map(({ sequence }) => sequence));
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: 'malformed_event', sequence: malformed });
      expect(read).toEqual([1, 2]);
      await expect(use.log.get(malformed)).rejects.toBeInstanceOf(MalformedEventError);
      expect((await readUpTo(use.log, malformed + 1, malformed + 1)).length).toBe(1);
    });
  });
}

/** Reads from one sequence until another was seen. */
export async function readUpTo(log: EventLog, from: number, to: number): Promise<StoredEvent[]> {
  const end = new AbortController();
  const read: StoredEvent[] = [];
  for await (const batch of log.read(from, { signal: end.signal, maxBatch: 500 })) {
    read.push(...batch);
    if (read.at(-1)!.sequence >= to) end.abort();
  }
  return read;
}
