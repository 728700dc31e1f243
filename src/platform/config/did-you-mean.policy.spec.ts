import fc from 'fast-check';
import { closest, editDistance } from './did-you-mean.policy.js';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '_'), maxLength: 8 });

describe('editDistance', () => {
  it('is a distance: zero only for equal words, and the same both ways', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });

  it.each([
    ['port', 'prot', 1],
    ['levels', 'levls', 1],
    ['host', 'hosts', 1],
    ['kitten', 'sitting', 3],
  ])('from %s to %s is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });
});

describe('closest', () => {
  it('finds the name that was meant, in any case', () => {
    expect(closest('Max_Connection', ['max_connections', 'max_waiting_requests'])).toBe('max_connections');
    expect(closest('prot', ['host', 'port'])).toBe('port');
  });

  it('is silent where nothing is near, and strict with short names', () => {
    expect(closest('colour', ['host', 'port'])).toBeNull();
    expect(closest('pots', ['host'])).toBeNull();
    expect(closest('', ['host'])).toBeNull();
  });
});
