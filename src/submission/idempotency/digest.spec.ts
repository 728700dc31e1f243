import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digestOf, fingerprintOf } from './digest.js';

describe('fingerprintOf', () => {
  it('is the same whatever the order of keys, at any depth', () =>
    expect(fingerprintOf({ a: [{ x: 1, y: 2 }], b: 2 })).toBe(fingerprintOf({ b: 2, a: [{ y: 2, x: 1 }] })));

  it.each([
    [{ a: 1 }, { a: '1' }],
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: null }, {}],
    [{ 'a,b': 1 }, { a: 1, b: 1 }],
  ])('tells %j from %j', (one, other) => expect(fingerprintOf(one)).not.toBe(fingerprintOf(other)));

  it('is stable for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fingerprintOf(JSON.parse(JSON.stringify(value)))).toBe(fingerprintOf(value));
      }),
    );
  });
});

describe('digestOf', () => {
  it('keeps its parts apart', () => expect(digestOf(['ab', 'c'])).not.toBe(digestOf(['a', 'bc'])));
  it('is a token of any broker', () => expect(digestOf(['*', '>'])).toMatch(/^[A-Za-z0-9_-]{43}$/));
});
