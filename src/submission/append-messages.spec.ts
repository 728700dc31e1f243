import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MessageEvent } from '../domain/message/message.events.js';
import type { EventLog } from '../log/event-log.port.js';
import { appendGroups, appendMessages } from './append-messages.js';

const items = (...sizes: number[]) =>
  sizes.map((size, at) => ({ at, events: Array.from({ length: size }, () => at) }));

describe('appendGroups', () => {
  it('makes two appends of a thousand messages with two events each', () => {
    const groups = appendGroups(items(...Array.from({ length: 1_000 }, () => 2)), 1_000);
    expect(groups.map((group) => group.length)).toEqual([500, 500]);
  });

  it('makes none of nothing', () => expect(appendGroups([], 1_000)).toEqual([]));

  it('keeps order and wholes, stays below the limit, and could not put any two neighbours together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 })),
        fc.integer({ min: 5, max: 20 }),
        (sizes, most) => {
          const groups = appendGroups(items(...sizes), most);
          const weights = groups.map((group) => group.reduce((sum, { events }) => sum + events.length, 0));
          expect(groups.flat().map(({ at }) => at)).toEqual(sizes.map((_, at) => at));
          for (const [at, weight] of weights.entries()) {
            expect(weight).toBeLessThanOrEqual(most);
            const next = groups[at + 1]?.[0];
            if (next !== undefined) expect(weight + next.events.length).toBeGreaterThan(most);
          }
        },
      ),
    );
  });
});

describe('a second run under a key', () => {
  const message = (index: number) => ({ index, events: [{ id: `e${index}` }] as unknown as MessageEvent[] });
  /** A log that only knows keys. */
  function keyedLog() {
    const keys = new Set<string | undefined>();
    const append = async (_: readonly unknown[], { dedupeKey }: { dedupeKey?: string } = {}) => {
      const duplicate = keys.has(dedupeKey);
      keys.add(dedupeKey);
      return { firstSequence: 1, duplicate };
    };
    return { append } as unknown as EventLog;
  }

  it('does not take messages for stored that the first one may have left out', async () => {
    const log = keyedLog();
    expect(await appendMessages(log, [message(0), message(2)], 'key')).toEqual([]);
    const notStored = await appendMessages(log, [message(0), message(1), message(2)], 'key');
    expect(notStored.map(({ index, error }) => [index, error.code])).toEqual(
      [0, 1, 2].map((index) => [index, 'idempotency_in_progress']),
    );
  });

  it('takes a message alone for stored, since the first one stored the same', async () => {
    const log = keyedLog();
    await appendMessages(log, [message(0)], 'key');
    expect(await appendMessages(log, [message(0)], 'key')).toEqual([]);
  });
});
