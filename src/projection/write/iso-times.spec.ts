import fc from 'fast-check';
import { IsoTimes } from './iso-times.js';

describe('IsoTimes', () => {
  it('reads what `Date.parse` reads, whichever times came before', () => {
    const [min, max] = [new Date('2026-02-27T00:00:00Z'), new Date('2026-03-02T00:00:00Z')];
    const near = fc.date({ min, max, noInvalidDate: true });
    const any = fc.date({ noInvalidDate: true });
    const written = fc.oneof(near, any).map((date) => date.toISOString());
    const shorter = fc.constantFrom('2026-03-01T12:34:56Z', '2026-03-01T12:34Z', '2026-03-01T12:34:56.7Z');
    const longer = fc.constantFrom('2026-03-01T12:34:56.123456Z', '2026-03-01T12:34:56.1234Z');
    fc.assert(
      fc.property(fc.array(fc.oneof(written, shorter, longer), { maxLength: 50 }), (texts) => {
        const times = new IsoTimes();
        for (const text of texts) expect(times.milliseconds(text)).toBe(Date.parse(text));
      }),
    );
  });
});
