import fc from 'fast-check';
import {
  endOf,
  isAtEnd,
  numberOf,
  type PiecePosition,
  positionIn,
  positionOf,
} from './piece-position.policy.js';

const position = fc.record({
  attempt: fc.integer({ min: 1, max: 100_000 }),
  delivery: fc.integer({ min: 1, max: 16_383 }),
  seq: fc.integer({ min: 1, max: 4_194_303 }),
});

function compare(one: PiecePosition, other: PiecePosition): number {
  return one.attempt - other.attempt || one.delivery - other.delivery || one.seq - other.seq;
}

describe('the number of a position', () => {
  it('counts the pieces of an answer that comes at once', () => {
    expect([1, 2, 3].map((seq) => numberOf({ attempt: 1, delivery: 1, seq }))).toEqual([1, 2, 3]);
  });

  it('tells the position again, and is in its order', () => {
    fc.assert(
      fc.property(position, position, (one, other) => {
        expect(positionOf(numberOf(one))).toEqual(one);
        expect(Math.sign(numberOf(one) - numberOf(other))).toBe(Math.sign(compare(one, other)));
        expect(positionIn(String(numberOf(one)))).toBe(numberOf(one));
        expect(isAtEnd(numberOf(one))).toBe(false);
      }),
    );
  });

  it('is below the end of its attempt, and above that of the attempt before', () => {
    fc.assert(
      fc.property(position, (at) => {
        expect(numberOf(at)).toBeLessThan(endOf(at.attempt));
        expect(numberOf(at)).toBeGreaterThan(at.attempt === 1 ? 0 : endOf(at.attempt - 1));
        expect(isAtEnd(endOf(at.attempt))).toBe(true);
        expect(isAtEnd(endOf(at.attempt) - 2)).toBe(true);
      }),
    );
  });

  it('is read from whole numbers only', () => {
    for (const text of ['', '-1', '1.5', '01', '1e3', ' 1', 'x', '9007199254740993', '99999999999999999']) {
      expect(positionIn(text)).toBeNull();
    }
    expect(positionIn('0')).toBe(0);
  });
});
