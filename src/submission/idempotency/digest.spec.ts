import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { v7 as uuidv7, validate, version } from 'uuid';
import { derivedId, digestOf, fingerprintOf } from './digest.js';

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

const seed = uuidv7();
const ids = Array.from({ length: 1_000 }, (_, index) => derivedId(seed, index));

describe('derivedId', () => {
  it('makes UUIDv7s with the time of the seed', () => {
    for (const id of ids) {
      expect(validate(id) && version(id)).toBe(7);
      expect(id.slice(0, 13)).toBe(seed.slice(0, 13));
    }
  });

  it('makes them different, and in the order of their index', () => {
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it('makes the same again, and others for another seed of the same time', () => {
    expect(derivedId(seed, 7)).toBe(ids[7]);
    const other = `${seed.slice(0, -1)}${seed.endsWith('0') ? '1' : '0'}`;
    expect(derivedId(other, 7)).not.toBe(ids[7]);
  });
});
