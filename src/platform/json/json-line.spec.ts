import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonLine } from './json-line.js';

describe('jsonLine', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\r', '\u0085', '\u2028', '\u2029') });

  it('is one line wherever Unicode ends lines, and reads as what was written', () => {
    fc.assert(
      fc.property(fc.dictionary(text, text), (value) => {
        const line = jsonLine(value);
        expect(line).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
        expect(JSON.parse(line)).toEqual({ ...value });
      }),
    );
  });
});
