const LENGTH = '2026-01-01T00:00:00.000Z'.length;
const DAY = '2026-01-01T'.length;
const MINUTE_MS = 60_000;
const ZERO = '0'.charCodeAt(0);

/**
 * Milliseconds since 1970 of times in ISO 8601 and in UTC, which a schema has checked. Nearly all are as
 * `Date.toISOString` writes them, and of the day of the one before: of these only the digits are read.
 */
export class IsoTimes {
  private day = 'none yet';
  private dayMs = 0;

  milliseconds(time: string): number {
    if (time.length !== LENGTH) return Date.parse(time);
    if (!time.startsWith(this.day)) {
      this.day = time.slice(0, DAY);
      this.dayMs = Date.parse(`${this.day}00:00:00.000Z`);
    }
    const minutes = 60 * twoDigits(time, 11) + twoDigits(time, 14);
    return this.dayMs + minutes * MINUTE_MS + twoDigits(time, 17) * 1_000 + threeDigits(time, 20);
  }
}

function twoDigits(text: string, at: number): number {
  return 10 * (text.charCodeAt(at) - ZERO) + (text.charCodeAt(at + 1) - ZERO);
}

function threeDigits(text: string, at: number): number {
  return 10 * twoDigits(text, at) + (text.charCodeAt(at + 2) - ZERO);
}
