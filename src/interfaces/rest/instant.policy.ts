const INSTANT = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * A point in time in ISO 8601 with its zone, or a date in UTC, as ISO 8601 in UTC with milliseconds; null for anything
 * else. A `+` in a query that was not percent-encoded arrives as a space, and is meant as a `+`.
 */
export function instantOf(text: string): string | null {
  const instant = text.replace(/ (?=\d\d:\d\d$)/, '+');
  const day = INSTANT.exec(instant)?.[1];
  if (day === undefined || !isDay(day)) return null;
  const milliseconds = Date.parse(instant);
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}

/** `Date.parse` takes the 31st of November for the 1st of December. */
function isDay(day: string): boolean {
  const milliseconds = Date.parse(day);
  return !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString().startsWith(day);
}
