import fc from 'fast-check';
import { decodeCursor, encodeCursor, InvalidCursorError } from './page.js';

it('comes back as what it was made of', () => {
  const time = fc.date({
    min: new Date('0001-01-01T00:00:00.000Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(time, fc.uuid(), (createdAt, id) => {
      const cursor = encodeCursor({ createdAt, id });
      expect(cursor).toMatch(/^[\w-]+$/);
      expect(decodeCursor(cursor)).toEqual({ createdAt, id });
    }),
  );
});

it.each([8.64e15, -8.64e15, 253_402_300_800_000, -62_135_596_800_001])(
  'is refused with a time that PostgreSQL may not have: %d',
  (timeMs) => {
    const cursor = Buffer.from(`${timeMs.toString(36)}.01890000-0000-7000-8000-000000000000`);
    expect(() => decodeCursor(cursor.toString('base64url'))).toThrow(InvalidCursorError);
  },
);

it('is refused when it is anything else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => decodeCursor(text)).toThrow(InvalidCursorError);
    }),
  );
});
