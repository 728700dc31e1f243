import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { plainLine, plainText, shortened } from './plain-text.policy.js';

describe('words of others', () => {
  it('lose what would steer a terminal, and keep their lines where they have several', () => {
    expect(plainText('a\u001b[2Jb\tc\nd\r')).toBe('a[2Jb\tc\nd');
    expect(plainLine('a\u001b[2Jb\nc')).toBe('a [2Jb c');
  });

  it('are never longer than wanted', () => {
    expect(shortened('a long question', 10)).toBe('a long...');
    expect(shortened(' short ', 10)).toBe('short');
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 3, max: 40 }), (text, most) => {
        expect(shortened(text, most).length).toBeLessThanOrEqual(most);
      }),
    );
  });
});
