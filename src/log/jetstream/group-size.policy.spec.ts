import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { goAlone, groupSize, sendNow, type Waiting } from './group-size.policy.js';

const LIMITS = { maxMessages: 1_000, maxBytes: 4_000 };
const part = (messages: number, bytes: number): Waiting => ({ messages: { length: messages }, bytes });
const parts = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 6_000 })).map((it) => part(...it)),
  { minLength: 1, maxLength: 50 },
);
const sum = (of: readonly Waiting[], what: (part: Waiting) => number) =>
  of.reduce((total, each) => total + what(each), 0);

describe('how many appends form a batch', () => {
  it('is as many as fit, and one that alone is too large', () => {
    fc.assert(
      fc.property(parts, (waiting) => {
        const size = groupSize(waiting, LIMITS);
        const fits = (of: readonly Waiting[]) =>
          sum(of, ({ messages }) => messages.length) <= LIMITS.maxMessages &&
          sum(of, ({ bytes }) => bytes) <= LIMITS.maxBytes;
        expect(size).toBeGreaterThanOrEqual(1);
        if (size > 1) expect(fits(waiting.slice(0, size))).toBe(true);
        if (size < waiting.length) expect(fits(waiting.slice(0, size + 1))).toBe(false);
      }),
    );
  });
});

describe('whether the appends of a group are written one by one', () => {
  it('is when they are few, and each is a single message', () => {
    fc.assert(
      fc.property(parts, fc.nat(10), (group, atMost) => {
        const single = group.every(({ messages }) => messages.length === 1);
        expect(goAlone(group, atMost)).toBe(single && group.length <= atMost);
      }),
    );
    const six = Array.from({ length: 6 }, () => part(1, 100));
    expect(goAlone(six, 6)).toBe(true);
    expect(goAlone([...six, part(1, 100)], 6)).toBe(false);
    expect(goAlone([part(1, 100), part(2, 100)], 6)).toBe(false);
  });
});

describe('when a batch leaves', () => {
  const limits = { maxBatches: 3, worthMessages: 256, worthBytes: 1_000 };
  const load = { batches: 0, batchesOfKind: 0, waitingMessages: 1, waitingBytes: 1 };

  it('is at once, while none of its kind is on its way', () => {
    expect(sendNow(load, limits)).toBe(true);
    expect(sendNow({ ...load, batches: 2 }, limits)).toBe(true);
    expect(sendNow({ ...load, waitingMessages: 0 }, limits)).toBe(false);
  });

  it('is beside another when it is large', () => {
    const beside = { ...load, batches: 1, batchesOfKind: 1 };
    expect(sendNow(beside, limits)).toBe(false);
    expect(sendNow({ ...beside, waitingMessages: 256 }, limits)).toBe(true);
    expect(sendNow({ ...beside, waitingBytes: 1_000 }, limits)).toBe(true);
  });

  it('is never beyond the places there are', () => {
    const all = { batches: 3, batchesOfKind: 0, waitingMessages: 1_000, waitingBytes: 1_000_000 };
    expect(sendNow(all, limits)).toBe(false);
  });
});
