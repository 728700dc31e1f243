import fc from 'fast-check';
import { cursorIn, cursorText, LONGEST_ID } from './live-cursor.policy.js';

const sequence = fc.nat(Number.MAX_SAFE_INTEGER);
const answers = fc.array(fc.tuple(fc.uuid(), sequence), { maxLength: 90 }).map((entries) => new Map(entries));

describe('the cursor of a conversation or a user', () => {
  it('is read as it was written, and fits into a header', () => {
    fc.assert(
      fc.property(sequence, answers, fc.boolean(), (told, answers, cut) => {
        const text = cursorText({ told, answers, cut });
        expect(cursorIn(text)).toEqual({ told, answers, cut });
        expect(text).toMatch(/^[\w.-]+$/);
      }),
    );
  });

  it('holds the last ninety answers, says that there were more, and is never too long to be sent', () => {
    const far = Number.MAX_SAFE_INTEGER - 150;
    const many = new Map(Array.from({ length: 150 }, (_, index) => [crypto.randomUUID(), far + index]));
    const text = cursorText({ told: Number.MAX_SAFE_INTEGER, answers: many, cut: false });
    expect(text.length).toBeLessThanOrEqual(LONGEST_ID);
    const read = cursorIn(text);
    expect(read!.cut).toBe(true);
    expect([...read!.answers.values()]).toEqual(Array.from({ length: 90 }, (_, index) => far + 60 + index));
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
