const DURATION = /^(\d{1,10}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A number of seconds, or `90s`, `500ms`, `5m`, `12h`, `30d`, as whole milliseconds. Null for anything else. */
export function durationMs(value: unknown): number | null {
  const text = typeof value === 'number' ? secondsText(value) : value;
  if (typeof text !== 'string') return null;
  const [, amount, unit = 's'] = DURATION.exec(text) ?? [];
  return amount === undefined ? null : Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
}

/** Finer than a millisecond is rounded, so that sums of binary fractions pass; what is no decimal number fails below. */
function secondsText(seconds: number): string {
  return Number.isFinite(seconds) ? String(Math.round(seconds * 1_000) / 1_000) : '';
}

export const MAX_WAIT_MS = 60_000;

/** How long a request may wait, as `durationMs` reads it. Null for anything else, and for more than a minute. */
export function waitDuration(text: string): number | null {
  const milliseconds = durationMs(text);
  return milliseconds !== null && milliseconds <= MAX_WAIT_MS ? milliseconds : null;
}
