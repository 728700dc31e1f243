import { describe, expect, it } from '@jest/globals';
import { v7 as uuidv7, validate, version } from 'uuid';
import { derivedId } from './derived-id.js';

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
