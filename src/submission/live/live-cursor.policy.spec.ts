import fc from 'fast-check';
import { cursorIn, cursorText } from './live-cursor.policy.js';

const sequence = fc.nat(Number.MAX_SAFE_INTEGER);
const answers = fc
  .array(fc.tuple(fc.uuid(), sequence), { maxLength: 100 })
  .map((entries) => new Map(entries));

describe('the cursor of a conversation or a user', () => {
  it('is read as it was written, and fits into a header', () => {
    fc.assert(
      fc.property(sequence, answers, (told, answers) => {
        const text = cursorText({ told, answers });
        expect(cursorIn(text)).toEqual({ told, answers });
        expect(text).toMatch(/^[\w.-]+$/);
        expect(text.length).toBeLessThan(5_000);
      }),
    );
  });

  it('holds the last hundred answers', () => {
    const many = new Map(Array.from({ length: 150 }, (_, index) => [crypto.randomUUID(), index]));
    const read = cursorIn(cursorText({ told: 7, answers: many }));
    expect([...read!.answers.values()]).toEqual(Array.from({ length: 100 }, (_, index) => 50 + index));
  });

  it('is no other text', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => fc.pre(!text.startsWith('v1.')) ?? expect(cursorIn(text)).toBeNull(),
      ),
    );
    for (const text of ['v1.', 'v1.zzzzzzzzzzz', 'v1.1.abc-1', `v1.1.${'a'.repeat(32)}`, '12']) {
      expect(cursorIn(text)).toBeNull();
    }
  });
});
