import fc from 'fast-check';
import type { AnswerChunk } from '../answers.port.js';
import { decodeChunks, encodeChunks, isOfRun } from './answer-codec.js';
import { ChunkBuffer, GROUP_MS, piecesWanted } from './chunk-buffer.js';

const chunk = (seq: number, attempt = 1, delivery?: number): AnswerChunk => ({
  seq,
  attempt,
  ...(delivery === undefined ? {} : { delivery }),
  delta: { content: `${attempt}/${seq} 🌍` },
});
const read = (texts: readonly string[]) => texts.map((text) => decodeChunks(new TextEncoder().encode(text)));

describe('piecesWanted', () => {
  it('is true for a streamed message, and for another while somebody listens', () => {
    expect(piecesWanted({ streamed: true, listenedTo: false })).toBe(true);
    expect(piecesWanted({ streamed: false, listenedTo: true })).toBe(true);
    expect(piecesWanted({ streamed: false, listenedTo: false })).toBe(false);
  });
});

describe('ChunkBuffer', () => {
  it('lets the first chunk go at once, and what follows within the time of a group together', () => {
    const buffer = new ChunkBuffer();
    expect(buffer.add('a', chunk(1), 100)).toEqual([chunk(1)]);
    expect(buffer.add('a', chunk(2), 101)).toEqual([]);
    expect(buffer.add('a', chunk(3), 100 + GROUP_MS - 1)).toEqual([]);
    expect(buffer.due(100 + GROUP_MS - 1)).toEqual([]);
    expect(buffer.due(100 + GROUP_MS)).toEqual([{ messageId: 'a', chunks: [chunk(2), chunk(3)] }]);
  });

  it('lets a chunk after a pause go at once', () => {
    const buffer = new ChunkBuffer();
    buffer.add('a', chunk(1), 0);
    expect(buffer.due(GROUP_MS)).toEqual([]);
    expect(buffer.isEmpty).toBe(true);
    expect(buffer.add('a', chunk(2), GROUP_MS + 1)).toEqual([chunk(2)]);
  });

  it('does not wait for a timer that is late', () => {
    const buffer = new ChunkBuffer();
    buffer.add('a', chunk(1), 0);
    buffer.add('a', chunk(2), 1);
    expect(buffer.add('a', chunk(3), GROUP_MS)).toEqual([chunk(2), chunk(3)]);
  });

  it('holds no message up for another, and gives out what is held when its message ends', () => {
    const buffer = new ChunkBuffer();
    buffer.add('a', chunk(1), 0);
    buffer.add('a', chunk(2), 1);
    expect(buffer.add('b', chunk(1), 2)).toEqual([chunk(1)]);
    expect(buffer.end('a')).toEqual([chunk(2)]);
    expect(buffer.end('a')).toEqual([]);
  });

  it('gives out every chunk once, in order and no later than the time of a group, whenever chunks come', () => {
    const steps = fc.array(
      fc.record({ message: fc.constantFrom('a', 'b', 'c'), afterMs: fc.integer({ min: 0, max: 25 }) }),
    );
    fc.assert(
      fc.property(steps, (arrivals) => {
        const buffer = new ChunkBuffer();
        const came = new Map<string, number[]>();
        const out = new Map<string, AnswerChunk[]>();
        const give = (id: string, chunks: readonly AnswerChunk[], nowMs: number) => {
          for (const each of chunks) {
            expect(nowMs - came.get(id)![each.seq - 1]!).toBeLessThanOrEqual(GROUP_MS);
          }
          out.set(id, [...(out.get(id) ?? []), ...chunks]);
        };
        let now = 0;
        const tickUntil = (ms: number) => {
          for (; now < ms; now += 1) {
            for (const { messageId, chunks } of buffer.due(now)) give(messageId, chunks, now);
          }
        };
        for (const { message, afterMs } of arrivals) {
          tickUntil(now + afterMs);
          const times = came.get(message) ?? [];
          came.set(message, [...times, now]);
          give(message, buffer.add(message, chunk(times.length + 1), now), now);
        }
        tickUntil(now + 2 * GROUP_MS + 1);
        expect(buffer.isEmpty).toBe(true);
        for (const [message, times] of came) {
          expect(out.get(message)!.map(({ seq }) => seq)).toEqual(times.map((_, index) => index + 1));
        }
      }),
    );
  });
});

describe('the chunks on the wire', () => {
  it('of one run are one text, from which each comes back with its own number', () => {
    const group = [chunk(4, 2, 3), chunk(5, 2, 3), chunk(6, 2, 3)];
    expect(encodeChunks(group)).toHaveLength(1);
    expect(read(encodeChunks(group))).toEqual([group]);
  });

  it('are read alone as versions write them that know no groups, which read the first of a group', () => {
    const [text] = encodeChunks([chunk(4), chunk(5)]);
    expect(JSON.parse(text!)).toMatchObject({ seq: 4, attempt: 1, delta: chunk(4).delta });
    expect(read([JSON.stringify({ seq: 1, attempt: 1, delivery: 2, delta: {} })])).toEqual([
      [{ seq: 1, attempt: 1, delivery: 2, delta: {} }],
    ]);
  });

  it('that would be too large together are several', () => {
    const large = (seq: number): AnswerChunk => ({
      seq,
      attempt: 1,
      delta: { content: '汉'.repeat(200_000) },
    });
    const texts = encodeChunks([large(1), large(2)]);
    expect(read(texts)).toEqual([[large(1)], [large(2)]]);
    for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
  });

  it('tell the run that they are of by their beginning', () => {
    const runs = [chunk(7, 2), chunk(1, 2, 1), chunk(1, 2, 2), chunk(12, 22), { ...chunk(3, 2), model: 'a' }];
    const of = (run: AnswerChunk) =>
      runs.map((each) => isOfRun(new TextEncoder().encode(encodeChunks([each])[0]), run));
    expect(of(chunk(9, 2))).toEqual([true, true, false, false, true]);
    expect(of(chunk(9, 2, 2))).toEqual([false, false, true, false, false]);
    expect(isOfRun(new TextEncoder().encode('{"delta":{},"seq":1,"attempt":2}'), chunk(9, 2))).toBe(false);
  });

  it('of one model are one text', () => {
    const by = (seq: number, model: string) => ({ ...chunk(seq), model });
    expect(read(encodeChunks([by(1, 'a'), by(2, 'a'), by(3, 'b')]))).toEqual([
      [by(1, 'a'), by(2, 'a')],
      [by(3, 'b')],
    ]);
  });

  it('come back as they went, whatever runs and gaps are among them', () => {
    // What no listener may get: zod leaves this key out.
    const key = fc.string().filter((name) => name !== '__proto__');
    const chunks = fc.array(
      fc.record({
        seq: fc.integer({ min: 1, max: 4 }),
        attempt: fc.integer({ min: 1, max: 2 }),
        delivery: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
        model: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
        delta: fc.dictionary(key, fc.jsonValue()),
      }),
    );
    fc.assert(
      fc.property(chunks, (each) => {
        const plain = JSON.parse(JSON.stringify(each)) as AnswerChunk[];
        expect(JSON.parse(JSON.stringify(read(encodeChunks(each)).flat()))).toEqual(plain);
      }),
    );
  });
});
