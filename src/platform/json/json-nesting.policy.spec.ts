import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exceededBound, exceeds } from './json-nesting.policy.js';

const nestsDeeper = (json: Uint8Array, levels: number) => exceeds(json, { levels, entries: Infinity });
const bytes = (json: string) => new TextEncoder().encode(json);

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

interface Counts {
  readonly entries: number;
  readonly fields: number;
  readonly containers: number;
}

function countsOf(value: unknown): Counts {
  if (typeof value !== 'object' || value === null) return { entries: 0, fields: 0, containers: 0 };
  const inner = Object.values(value).map(countsOf);
  const sum = (name: keyof Counts) => inner.reduce((total, counts) => total + counts[name], 0);
  const own = Object.keys(value).length;
  return {
    entries: sum('entries') + Math.max(own, 1),
    fields: sum('fields') + (Array.isArray(value) ? 0 : own),
    containers: sum('containers') + 1,
  };
}

describe('the bound that JSON exceeds', () => {
  it('is that of its values, its containers, or the fields of its objects', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const { entries, fields, containers } = countsOf(value);
        const bound = (more: object) =>
          exceededBound(bytes(JSON.stringify(value)), { levels: 99, entries, fields, containers, ...more });
        expect(bound({})).toBeNull();
        expect(bound({ entries: entries - 1 })).toBe(entries > 0 ? 'entries' : null);
        if (containers > 0) expect(bound({ containers: containers - 1 })).toBe('containers');
        if (fields > 0) expect(bound({ fields: fields - 1 })).toBe('fields');
      }),
    );
  });
});

describe('digits', () => {
  const bound = (value: string) => exceededBound(bytes(value), { levels: 9, entries: 99, digits: 100 });

  it('are counted in a row, and in numbers alone', () => {
    const many = '1'.repeat(101);
    for (const json of [many, `[-${many}]`, `{"a":0.${many}}`, `[1,1e${many}]`])
      expect(bound(json)).toBe('digits');
    for (const json of [many.slice(1), `"${many}"`, `{"${many}":1}`, `[${'1,'.repeat(90)}1]`]) {
      expect(bound(json)).toBeNull();
    }
  });
});

describe('levels', () => {
  it('counts levels as they are once parsed', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat({ max: 9 }), (value, levels) => {
        expect(nestsDeeper(bytes(JSON.stringify(value)), levels)).toBe(depthOf(value) > levels);
      }),
    );
  });

  it('does not count brackets in texts', () => {
    expect(nestsDeeper(bytes(JSON.stringify({ a: '[[[{{{"[[\\"[[' })), 1)).toBe(false);
    expect(nestsDeeper(bytes('{"a\\"[[": ["\\\\", []]}'), 2)).toBe(true);
  });
});
