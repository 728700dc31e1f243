import { describe, expect, it } from '@jest/globals';
import type { Batch } from './batch.state.js';
import { isOfEarlierTry } from './earlier-try.policy.js';

const asked = {
  ...({ inputFileId: 'file-a', endpoint: '/v1/embeddings', completionWindow: '24h' } as const),
  ...{ metadata: { a: 'b' }, outputExpiresAfterS: null },
};
const batch = { ...asked, caller: { name: 'key', role: 'client' }, createdAtMs: 1_000 } as unknown as Batch;

describe('a batch', () => {
  it('is of an earlier try where the same key has just asked for the same', () => {
    expect(isOfEarlierTry(batch, asked, 'key', 1_000)).toBe(true);
    expect(isOfEarlierTry(batch, asked, 'key', 600_000)).toBe(true);
  });

  it('is another one where anything else was asked for, by whomever, or long ago', () => {
    expect(isOfEarlierTry(batch, asked, 'another key', 1_000)).toBe(false);
    expect(isOfEarlierTry(batch, asked, 'key', 1_000_000)).toBe(false);
    const others = [
      ...[{ inputFileId: 'file-b' }, { endpoint: '/v1/completions' }, { completionWindow: '12h' }],
      ...[{ metadata: null }, { metadata: { a: 'c' } }, { outputExpiresAfterS: 3_600 }],
    ];
    for (const other of others) {
      expect(isOfEarlierTry(batch, { ...asked, ...other } as never, 'key', 1_000)).toBe(false);
    }
  });
});
