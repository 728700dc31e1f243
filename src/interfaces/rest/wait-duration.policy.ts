export const MAX_WAIT_MS = 60_000;

const DURATION = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)?$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

/** `30s`, `500ms`, `1m`, or plain seconds, as milliseconds. Null for anything else, and for more than a minute. */
export function waitDuration(text: string): number | null {
  const [, amount, unit = 's'] = DURATION.exec(text) ?? [];
  if (amount === undefined) return null;
  const milliseconds = Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return milliseconds <= MAX_WAIT_MS ? milliseconds : null;
}
