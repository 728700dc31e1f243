import fc from 'fast-check';
import { TextOfBytes } from './text-of-bytes.js';

const MARK = '\uFEFF';

function read(bytes: Uint8Array, cuts: readonly number[]): string {
  const text = new TextOfBytes();
  const at = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((one, other) => one - other);
  let from = 0;
  let read = '';
  for (const to of at) {
    read += text.of(bytes.subarray(from, to));
    from = to;
  }
  return read + text.end();
}

describe('text of bytes', () => {
  it('is the same as of all bytes at once, whatever they are and however they are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '汉', '🌍', MARK), maxLength: 12 });
    const bytes = fc.oneof(
      text.map((each) => new TextEncoder().encode(each)),
      fc.uint8Array({ maxLength: 12 }),
      fc.constant(new Uint8Array([0xef, 0xbb, 0xbf, 0x41, 0xff])),
    );
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(12), { maxLength: 4 }), (all, cuts) => {
        expect(read(all, cuts)).toBe(new TextDecoder().decode(all));
      }),
    );
  });
});
