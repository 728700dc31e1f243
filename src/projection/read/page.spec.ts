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

it('is refused when it is anything else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => decodeCursor(text)).toThrow(InvalidCursorError);
    }),
  );
});
