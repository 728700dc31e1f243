import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { excerptOf } from './excerpt.policy.js';

describe('an excerpt', () => {
  it('is the text itself while it is short', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        expect(excerptOf(text)).toEqual({ text, factor: 1 });
      }),
    );
  });

  it('is bounded, has both ends, and cuts no character in two', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4_000, max: 9_000 }),
        fc.constantFrom('a', '急', '👩‍🚀', 'a😀'),
        (times, unit) => {
          const text = `BEGIN${unit.repeat(times)}END`;
          const excerpt = excerptOf(text);
          expect(excerpt.text.length).toBeLessThanOrEqual(4_097);
          expect(excerpt.text.startsWith('BEGIN')).toBe(true);
          expect(excerpt.text.endsWith('END')).toBe(true);
          expect(Buffer.from(excerpt.text).toString()).toBe(excerpt.text);
          expect(Math.abs(excerpt.text.length * excerpt.factor - text.length)).toBeLessThan(
            0.01 * text.length,
          );
        },
      ),
    );
  });
});
