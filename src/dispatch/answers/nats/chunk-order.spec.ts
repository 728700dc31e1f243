import fc from 'fast-check';
import type { AnswerChunk } from '../answers.port.js';
import { ChunkOrder } from './chunk-order.js';

const chunk = (seq: number, attempt = 1, delivery?: number): AnswerChunk => ({
  seq,
  attempt,
  delivery,
  delta: { content: `${attempt}.${delivery ?? 1}.${seq}` },
});

/** What a listener is given when the chunks come like this. */
function given(order: ChunkOrder, chunks: readonly AnswerChunk[]): AnswerChunk[] {
  return chunks.flatMap((each) => order.take(each).ready);
}

describe('ChunkOrder', () => {
  it('gives chunks out as they come, and none twice', () => {
    const order = new ChunkOrder();
    expect(given(order, [chunk(1), chunk(2), chunk(2), chunk(1), chunk(3)])).toEqual([
      chunk(1),
      chunk(2),
      chunk(3),
    ]);
    expect(order.hasGap).toBe(false);
  });

  it('holds what is behind a gap until the gap is filled', () => {
    const order = new ChunkOrder();
    expect(given(order, [chunk(1), chunk(3), chunk(4)])).toEqual([chunk(1)]);
    expect(order.hasGap).toBe(true);
    expect(given(order, [chunk(2)])).toEqual([chunk(2), chunk(3), chunk(4)]);
    expect(order.hasGap).toBe(false);
  });

  it('gives nothing more of a run whose gap was given up', () => {
    const order = new ChunkOrder();
    given(order, [chunk(1), chunk(3)]);
    order.giveUp();
    expect(order.hasGap).toBe(false);
    expect(given(order, [chunk(2), chunk(4)])).toEqual([]);
    expect(given(order, [chunk(1, 2)])).toEqual([chunk(1, 2)]);
  });

  it('begins again with a new attempt, and drops what the old one still says', () => {
    const order = new ChunkOrder();
    expect(given(order, [chunk(1), chunk(2), chunk(1, 2), chunk(3), chunk(2, 2)])).toEqual([
      chunk(1),
      chunk(2),
      chunk(1, 2),
      chunk(2, 2),
    ]);
  });

  it('begins again with a new delivery of the same attempt', () => {
    const order = new ChunkOrder();
    expect(order.take(chunk(1)).restarted).toBe(true);
    expect(order.take(chunk(2)).restarted).toBe(false);
    expect(order.take(chunk(1, 1, 2))).toEqual({ ready: [chunk(1, 1, 2)], restarted: true });
    expect(given(order, [chunk(3), chunk(2, 1, 2)])).toEqual([chunk(2, 1, 2)]);
  });

  it('ends with the newest run whole and in order, however chunks are mixed and repeated', () => {
    const runs = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(
        runs,
        fc.integer({ min: 1, max: 8 }),
        fc.infiniteStream(fc.nat()),
        (pairs, length, dice) => {
          const once = pairs.flatMap(([attempt, delivery]) =>
            Array.from({ length }, (_, index) => chunk(index + 1, attempt, delivery)),
          );
          const mixed = [...once, ...once]
            .map((each) => ({ each, at: dice.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ each }) => each);
          const order = new ChunkOrder();
          const out = given(order, mixed);
          const [attempt, delivery] = pairs.reduce((a, b) => ((b[0] - a[0] || b[1] - a[1]) > 0 ? b : a));
          expect(out.slice(-length)).toEqual(
            Array.from({ length }, (_, index) => chunk(index + 1, attempt, delivery)),
          );
          expect(order.hasGap).toBe(false);
        },
      ),
    );
  });
});
