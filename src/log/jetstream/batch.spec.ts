import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AppendPart } from './append-part.js';
import { Batch } from './batch.js';
import type { WireMessage } from './wire.js';

const FIRST = 100;

function partOf(size: number, name: number): AppendPart {
  const messages: WireMessage[] = Array.from({ length: size }, (_, index) => ({
    ...{ subject: 's', messageId: null },
    payload: Buffer.from(`${name}.${index}`),
  }));
  return new AppendPart(messages, 1, false, size, { timeoutMs: Infinity, arrivedAt: 0 });
}

const texts = (messages: readonly WireMessage[]) => messages.map(({ payload }) => String(payload));
const anyBatch = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }).chain((sizes) => {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  return fc.record({ sizes: fc.constant(sizes), kept: fc.array(fc.nat(all), { maxLength: 4 }) });
});

it('writes what the broker has not, and nothing twice, however often it keeps a part only', async () => {
  await fc.assert(
    fc.asyncProperty(anyBatch, async ({ sizes, kept }) => {
      const parts = sizes.map(partOf);
      let batch = new Batch(parts, 'id');
      const whole = texts(batch.messages);
      const log: string[] = [];
      for (const count of kept) {
        const now = Math.min(count, batch.messages.length - 1);
        if (now <= 0) continue;
        const before = batch.messages;
        const rest = batch.storedFirst(FIRST + log.length, now);
        log.push(...texts(before.slice(0, now)));
        batch = new Batch(rest, 'id');
        expect(texts(batch.messages)).toEqual(texts(before.slice(now)));
      }
      const last = FIRST + log.length;
      log.push(...texts(batch.messages));
      batch.stored(last);
      expect(log).toEqual(whole);
      // Every append is told where its first message lies.
      for (const [index, part] of parts.entries()) {
        const place = FIRST + whole.indexOf(`${index}.0`);
        expect(await part.result).toEqual({ firstSequence: 2 * place + 1, duplicate: false });
      }
    }),
  );
});

it('is in doubt from the start where the broker may write it itself', () => {
  const batch = new Batch([partOf(1, 0)], 'id');
  expect([batch.inDoubt, batch.doubtAgeMs(1_000)]).toEqual([false, 0]);
  batch.mayLieBehind(7);
  batch.leaves(9);
  expect([batch.inDoubt, batch.doubtAgeMs(1_000), batch.storedBehind]).toEqual([true, Infinity, 7]);
});
