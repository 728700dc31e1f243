import { stringify, v7 as uuidv7, validate, version } from 'uuid';
import { pooledUuidV7 } from './uuid-v7.js';

describe('UUIDv7s from a pool', () => {
  const newId = pooledUuidV7();

  it('are valid, of version 7, and of the present millisecond', () => {
    const before = Date.now();
    const ids = Array.from({ length: 5_000 }, newId);
    const after = Date.now();
    for (const id of ids) {
      expect([id, validate(id), version(id)]).toEqual([id, true, 7]);
      const at = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(after);
    }
    expect(new Set(ids).size).toBe(5_000);
  });

  it('are written as the library writes them, whatever their bytes', () => {
    const ids = Array.from({ length: 2_000 }, newId);
    for (const id of ids) {
      const bytes = Uint8Array.from(id.replaceAll('-', '').match(/../g)!, (pair) =>
        Number.parseInt(pair, 16),
      );
      expect(stringify(bytes)).toBe(id);
    }
  });

  it('keep what they said when more are made', () => {
    const first = newId();
    const copy = `${first}`.split('').join('');
    for (let more = 0; more < 1_000; more += 1) newId();
    expect(first).toBe(copy);
    expect(uuidv7()).toHaveLength(first.length);
  });
});
