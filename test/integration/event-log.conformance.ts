import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InvalidAppendError, MalformedEventError } from '../../src/log/event-log.errors.js';
import type { EventKind, EventLog, StoredEvent } from '../../src/log/event-log.port.js';
import { accepted, cancelled, ids, paused, positions, positionsOf } from './event-log.samples.js';

export interface LogUnderTest {
  /** Empty. */
  readonly log: EventLog;
  /** Puts a record into the log that `append` would not; resolves with the position of its last event. */
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
      for (const sequence of [0, 1, 2, 3]) expect(await use.log.get(sequence)).toBeNull();
      expect(await use.log.extent()).toEqual({ lastSequence: 0, missing: 0 });
      expect([...(await use.log.missingRecords())]).toEqual([]);
    });

    it('stores the events of an append in their order, one behind the other', async () => {
      const events = [...accepted(), ...accepted(), cancelled()];
      expect(await use.log.append(events)).toEqual({ firstSequence: 2, duplicate: false });
      expect(await use.log.lastSequence()).toBe(7);
      const stored = await readUpTo(use.log, 1, 7);
      expect(ids(stored.map(({ event }) => event))).toEqual(ids(events));
      expect(positions(stored)).toEqual(positionsOf(events));
    });

    it('stores a single event', async () => {
      const event = cancelled();
      const { firstSequence } = await use.log.append([event]);
      expect(firstSequence).toBe(3);
      expect(await use.log.get(firstSequence)).toEqual({ sequence: firstSequence, event });
      expect(await use.log.get(firstSequence - 1)).toBeNull();
    });

    it('keeps appends that come together apart and whole', async () => {
      const appends = Array.from({ length: 700 }, (_, index) =>
        index % 5 === 0 ? [cancelled()] : [...accepted()],
      );
      const results = await Promise.all(appends.map((events) => use.log.append(events)));
      const stored = await readUpTo(use.log, 1, 2 * appends.length + 1);
      expect(stored).toHaveLength(appends.flat().length);
      expect(positions(stored)).toEqual(positionsOf(stored.map(({ event }) => event)));
      for (const [index, { firstSequence, duplicate }] of results.entries()) {
        const events = appends[index]!;
        const at = stored.findIndex(({ sequence }) => sequence === firstSequence);
        const slice = stored.slice(at, at + events.length);
        expect(ids(slice.map(({ event }) => event))).toEqual(ids(events));
        expect(duplicate).toBe(false);
      }
    });

    it('takes 1,000 events as one append, and refuses more or none', async () => {
      const most = Array.from({ length: 1_000 }, () => cancelled());
      expect((await use.log.append(most)).firstSequence).toBe(3);
      await expect(use.log.append([...most, cancelled()])).rejects.toBeInstanceOf(InvalidAppendError);
      await expect(use.log.append([])).rejects.toBeInstanceOf(InvalidAppendError);
      const pairs = Array.from({ length: 501 }, () => accepted()).flat();
      await expect(use.log.append(pairs)).rejects.toBeInstanceOf(InvalidAppendError);
      expect(await use.log.lastSequence()).toBe(2_001);
    });

    it('keeps a reception beside its place in the lane, and apart from what was appended before it', async () => {
      const events = [cancelled(), ...accepted(), cancelled()];
      const { firstSequence } = await use.log.append(events);
      expect(positions(await readUpTo(use.log, 1, 7))).toEqual([3, 4, 5, 7]);
      expect(firstSequence).toBe(3);
      const [, , prioritized] = events;
      // A message that failed goes back into its lane behind other events.
      await use.log.append([prioritized!, events[3]!, prioritized!]);
      expect(positions(await readUpTo(use.log, 8, 13))).toEqual([9, 11, 13]);
    });

    it('erases records, passes over them from then on, and keeps the positions of the others', async () => {
      const events = [...accepted(), ...accepted(), cancelled()];
      await use.log.append(events);
      await use.log.erase([4, 5]);
      await use.log.erase([2, 4, 4_000]);
      for (const sequence of [2, 3, 4, 5]) expect(await use.log.get(sequence)).toBeNull();
      expect(await use.log.lastSequence()).toBe(7);
      expect(positions(await readUpTo(use.log, 1, 7))).toEqual([7]);
      await use.log.erase([7]);
      expect(await use.log.lastSequence()).toBe(7);
      expect(await use.log.extent()).toEqual({ lastSequence: 7, missing: 3 });
      expect([...(await use.log.missingRecords())]).toEqual([{ from: 1, to: 3 }]);
      await use.log.append([cancelled()]);
      expect(positions(await readUpTo(use.log, 1, 9))).toEqual([9]);
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
      expect(await use.log.append(first, options)).toEqual({ firstSequence: 4, duplicate: false });
      expect(await use.log.append(accepted(), options)).toEqual({ firstSequence: 4, duplicate: true });
      expect(await use.log.append([cancelled()], options)).toEqual({ firstSequence: 4, duplicate: true });
      expect(await use.log.lastSequence()).toBe(5);
      expect((await use.log.get(4))?.event.id).toBe(first[0].id);
    });

    it('tells where a single event lies whose key comes again with two', async () => {
      const options = { dedupeKey: 'single' };
      expect(await use.log.append([cancelled()], options)).toEqual({ firstSequence: 3, duplicate: false });
      expect(await use.log.append(accepted(), options)).toEqual({ firstSequence: 3, duplicate: true });
      const twice = [use.log.append(accepted(), options), use.log.append([cancelled()], options)];
      for (const again of await Promise.all(twice))
        expect(again).toEqual({ firstSequence: 3, duplicate: true });
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
      expect(await use.log.lastSequence()).toBe(2 * (own.length + 1) + 1);
    });

    it('reads from the middle, in batches of at most the size asked for', async () => {
      const events = Array.from({ length: 25 }, () => cancelled());
      await use.log.append(events);
      const end = new AbortController();
      const read: StoredEvent[] = [];
      for await (const batch of use.log.read(23, { signal: end.signal, maxBatch: 4 })) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(4);
        read.push(...batch);
        if (read.length === 15) end.abort();
      }
      expect(positions(read)).toEqual(positionsOf(events).slice(10));
      expect(ids(read.map(({ event }) => event))).toEqual(ids(events.slice(10)));
    });

    it('reads from any position: either event of two, or a gap, in batches that may cut between two', async () => {
      const events = Array.from({ length: 6 }, () => [...accepted(), cancelled()]).flat();
      await use.log.append(events);
      const all = positionsOf(events);
      for (let from = 0; from <= all.at(-1)!; from += 1) {
        for (const maxBatch of [1, 3]) {
          const read = await readUpTo(use.log, from, all.at(-1)!, maxBatch);
          expect(positions(read)).toEqual(all.filter((position) => position >= from));
        }
      }
    });

    it('reads one kind alone, past and to come, and knows its newest', async () => {
      const changes = [paused(), paused(), paused()];
      expect(await use.log.lastSequence('admin')).toBe(0);
      await use.log.append([cancelled()]);
      await use.log.append([changes[0]!]);
      await use.log.append(accepted());
      await use.log.append([changes[1]!]);
      await use.log.append([cancelled()]);
      expect(await use.log.lastSequence('admin')).toBe(9);
      const reading = readUpTo(use.log, 1, 15, 500, 'admin');
      await use.log.append(accepted());
      await use.log.append([changes[2]!]);
      const read = await reading;
      expect(positions(read)).toEqual([5, 9, 15]);
      expect(ids(read.map(({ event }) => event))).toEqual(ids(changes));
      expect(positions(await readUpTo(use.log, 6, 15, 1, 'admin'))).toEqual([9, 15]);
    });

    it('hands out events as they are stored, to a reader that was there before them', async () => {
      const reading = readUpTo(use.log, 1, 5);
      await use.log.append(accepted());
      await use.log.append([cancelled()]);
      expect(positions(await reading)).toEqual([2, 3, 5]);
    });

    it('waits for a sequence that is not written yet', async () => {
      await use.log.append([cancelled()]);
      const reading = readUpTo(use.log, 5, 7);
      await use.log.append(accepted());
      await use.log.append([cancelled()]);
      expect(positions(await reading)).toEqual([5, 7]);
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
          read.push(...positions(batch));
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: 'malformed_event', sequence: malformed });
      expect(read).toEqual([2, 3]);
      await expect(use.log.get(malformed)).rejects.toBeInstanceOf(MalformedEventError);
      expect((await readUpTo(use.log, malformed + 1, malformed + 1)).length).toBe(1);
    });

    it('hands out the sound one of two events in a record, and names the other', async () => {
      const [received, prioritized] = accepted();
      const second = await use.storeRaw(
        Buffer.from(JSON.stringify([received, { ...prioritized, data: {} }])),
      );
      const first =
        (await use.storeRaw(Buffer.from(JSON.stringify([{ ...received, data: {} }, prioritized])))) - 1;
      await expect(readUpTo(use.log, 1, second)).rejects.toMatchObject({ sequence: second });
      expect((await use.log.get(second - 1))?.event).toEqual(received);
      await expect(use.log.get(second)).rejects.toBeInstanceOf(MalformedEventError);
      await expect(readUpTo(use.log, second + 1, first)).rejects.toMatchObject({ sequence: first });
      expect(positions(await readUpTo(use.log, first + 1, first + 1))).toEqual([first + 1]);
    });
  });
}

/** Reads from one sequence until another was seen. */
export async function readUpTo(
  log: EventLog,
  from: number,
  to: number,
  maxBatch = 500,
  only?: EventKind,
): Promise<StoredEvent[]> {
  const end = new AbortController();
  const read: StoredEvent[] = [];
  for await (const batch of log.read(from, { signal: end.signal, maxBatch, only })) {
    read.push(...batch);
    if (read.at(-1)!.sequence >= to) end.abort();
  }
  return read;
}
