import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Line, linesOf } from './lines.js';

async function* parts(text: Buffer, cuts: readonly number[]): AsyncIterable<Uint8Array> {
  const places = [...new Set(cuts.map((cut) => (text.length === 0 ? 0 : cut % text.length)))].sort(
    (a, b) => a - b,
  );
  let from = 0;
  for (const to of [...places, text.length]) {
    yield text.subarray(from, to);
    from = to;
  }
}

async function all(lines: AsyncIterable<Line>): Promise<Line[]> {
  const read: Line[] = [];
  for await (const line of lines) read.push({ ...line, bytes: line.bytes && Buffer.from(line.bytes) });
  return read;
}

describe('the lines of a content', () => {
  it('are the same wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('{}', 'é', '', ' \r', '{"a":"b"}')),
        fc.boolean(),
        fc.array(fc.nat(200)),
        async (texts, isEnded, cuts) => {
          const whole = Buffer.from(texts.join('\n') + (isEnded && texts.length > 0 ? '\n' : ''));
          const read = await all(linesOf(parts(whole, cuts), 100));
          const wanted = texts
            .map((text, at) => ({ number: at + 1, bytes: Buffer.from(text) }))
            .filter(({ bytes }) => bytes.toString().trim() !== '');
          expect(read).toEqual(wanted);
        },
      ),
    );
  });

  it('begin behind the mark that some programs write first, wherever it is cut', async () => {
    for (const cut of [0, 1, 2, 3, 4]) {
      const read = await all(linesOf(parts(Buffer.from('\ufeff{}\n\ufeff{}'), [cut]), 100));
      expect(read).toEqual([
        { number: 1, bytes: Buffer.from('{}') },
        { number: 2, bytes: Buffer.from('\ufeff{}') },
      ]);
    }
    expect(await all(linesOf(parts(Buffer.from('\ufeff\n'), []), 100))).toEqual([]);
  });

  it('are not kept where they are too long, and the next ones are', async () => {
    const text = Buffer.from('short\nmuch too long\nok\n');
    const read = await all(linesOf(parts(text, [1, 7, 9, 13]), 5));
    expect(read).toEqual([
      { number: 1, bytes: Buffer.from('short') },
      { number: 2, bytes: null },
      { number: 3, bytes: Buffer.from('ok') },
    ]);
  });
});
