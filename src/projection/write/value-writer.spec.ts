import fc from 'fast-check';
import { BinaryArray, ValueWriter } from './value-writer.js';

/** The number behind a field of `numeric`, read as `numeric_recv` reads it. */
function readNumeric(field: Buffer): bigint {
  expect(field.readInt32BE(0)).toBe(field.length - 4);
  const digits = field.readInt16BE(4);
  expect(field.length).toBe(12 + 2 * digits);
  const [weight, sign, scale] = [6, 8, 10].map((at) => field.readInt16BE(at));
  expect([weight, scale]).toEqual([digits - 1, 0]);
  let value = 0n;
  for (let at = 0; at < digits; at += 1) value = value * 10_000n + BigInt(field.readInt16BE(12 + 2 * at));
  return sign === 0x4000 ? -value : value;
}

describe('a whole number of any size', () => {
  it('is written by its digits to base 10,000', () => {
    const whole = fc.oneof(
      fc.maxSafeInteger(),
      fc.integer({ min: -100_000, max: 100_000 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(Math.trunc),
    );
    fc.assert(
      fc.property(whole, (value) => {
        const writer = new ValueWriter(1);
        writer.value('numeric', value);
        expect(readNumeric(writer.take())).toBe(BigInt(value));
      }),
    );
  });
});

describe('an array', () => {
  it('holds its values whatever was expected of it', () => {
    const texts = fc.array(fc.option(fc.string({ maxLength: 200 })), { maxLength: 50 });
    fc.assert(
      fc.property(texts, fc.nat(60), (values, expected) => {
        const array = new BinaryArray('text', expected);
        for (const value of values) array.append(value);
        const bytes = array.toBuffer();
        expect(bytes.readInt32BE(12)).toBe(values.length);
        const read: (string | null)[] = [];
        for (let at = 20; at < bytes.length; ) {
          const length = bytes.readInt32BE(at);
          read.push(length < 0 ? null : bytes.toString('utf8', at + 4, at + 4 + length));
          at += 4 + Math.max(0, length);
        }
        expect(read).toEqual(values);
      }),
    );
  });
});
