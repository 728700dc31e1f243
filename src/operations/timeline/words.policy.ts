const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A length of time for people: `40 ms`, `3.2 s`, `2 min 5 s`, `3 h 20 min`. */
export function durationWords(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${trimmed(ms / SECOND)} s`;
  if (ms < HOUR) return joined(Math.floor(ms / MINUTE), 'min', Math.round((ms % MINUTE) / SECOND), 's');
  return joined(Math.floor(ms / HOUR), 'h', Math.round((ms % HOUR) / MINUTE), 'min');
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** `1 token`, `2 tokens`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
