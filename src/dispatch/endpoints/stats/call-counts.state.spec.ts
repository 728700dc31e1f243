import fc from 'fast-check';
import type { CallSign } from '../health/call-sign.state.js';
import { added, type CallCounts, CallTally } from './call-counts.state.js';

const sign: fc.Arbitrary<CallSign | null> = fc.constantFrom<CallSign | null>(
  { kind: 'answered', firstTokenMs: 40, tokens: 7 },
  { kind: 'answered', firstTokenMs: null, tokens: null },
  { kind: 'failed', code: 'broken_stream', stalled: false },
  { kind: 'not_now', reason: 'rate_limited', retryAfterMs: null },
  { kind: 'rejected' },
  null,
);
const after = (signs: readonly (CallSign | null)[]): CallCounts => {
  const tally = new CallTally();
  for (const each of signs) {
    tally.began();
    tally.ended(each, 100);
  }
  return { ...tally };
};

describe('counts of calls', () => {
  it('count each call once, as what became of it', () => {
    fc.assert(
      fc.property(fc.array(sign), (signs) => {
        const { running, answered, failed, refused, rejected, untold } = after(signs);
        expect([running, answered + failed + refused + rejected + untold]).toEqual([0, signs.length]);
        expect(answered).toBe(signs.filter((each) => each?.kind === 'answered').length);
        expect(refused).toBe(signs.filter((each) => each?.kind === 'not_now').length);
      }),
    );
  });

  it('can be added up', () => {
    fc.assert(
      fc.property(fc.array(sign), fc.array(sign), (one, other) => {
        expect(added(after(one), after(other))).toEqual(after([...one, ...other]));
      }),
    );
  });

  it('tell tokens and times of answered calls alone', () => {
    const counts = after([{ kind: 'answered', firstTokenMs: 40, tokens: 7 }, { kind: 'rejected' }, null]);
    expect(counts.tokens).toBe(7);
    expect([counts.firstPiece, counts.total].map((each) => Object.values(each))).toEqual([[1], [1]]);
  });
});
