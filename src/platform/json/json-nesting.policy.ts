import {
  BACKSLASH,
  CLOSING_LIST,
  CLOSING_OBJECT,
  COLON,
  COMMA,
  NINE,
  OPENING_LIST,
  OPENING_OBJECT,
  QUOTE,
  ZERO,
} from './json-characters.policy.js';

export interface JsonBounds {
  /** Of arrays and objects in each other. */
  readonly levels: number;
  /** Values in arrays and objects, over all of them. */
  readonly entries: number;
  /** Fields of objects, over all of them. Any number when absent. */
  readonly fields?: number;
  /** Arrays and objects. Any number when absent. */
  readonly containers?: number;
  /** In a row, of one number: reading it takes longer than its length tells. Any number when absent. */
  readonly digits?: number;
}

/**
 * Whether JSON text in UTF-8 has more of structure than that, looked at without making anything of it. What is not JSON
 * may be told either way.
 */
export function exceeds(json: Uint8Array, bounds: JsonBounds): boolean {
  return exceededBound(json, bounds) !== null;
}

/** The bound that it exceeds first; null for none. */
export function exceededBound(json: Uint8Array, bounds: JsonBounds): keyof JsonBounds | null {
  const { levels, entries, fields = Number.POSITIVE_INFINITY } = bounds;
  const { containers = Number.POSITIVE_INFINITY, digits = Number.POSITIVE_INFINITY } = bounds;
  let depth = 0;
  let values = 0;
  let names = 0;
  let opened = 0;
  let inRow = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]!;
    if (byte >= ZERO && byte <= NINE) {
      inRow += 1;
      if (inRow > digits) return 'digits';
      continue;
    }
    inRow = 0;
    if (byte === QUOTE) at = endOfText(json, at);
    else if (byte === COMMA) {
      values += 1;
      if (values > entries) return 'entries';
    } else if (byte === COLON) {
      names += 1;
      if (names > fields) return 'fields';
    } else if (byte === OPENING_LIST || byte === OPENING_OBJECT) {
      depth += 1;
      values += 1;
      opened += 1;
      if (depth > levels) return 'levels';
      if (opened > containers) return 'containers';
      if (values > entries) return 'entries';
    } else if (byte === CLOSING_LIST || byte === CLOSING_OBJECT) depth -= 1;
  }
  return null;
}

/** Texts are most of what is long, so they are skipped by a search that runs natively. */
function endOfText(json: Uint8Array, start: number): number {
  let end = json.indexOf(QUOTE, start + 1);
  while (end !== -1 && isEscaped(json, end)) end = json.indexOf(QUOTE, end + 1);
  return end === -1 ? json.length : end;
}

/** An odd number of backslashes before it. */
function isEscaped(json: Uint8Array, at: number): boolean {
  let before = at;
  while (json[before - 1] === BACKSLASH) before -= 1;
  return (at - before) % 2 === 1;
}
