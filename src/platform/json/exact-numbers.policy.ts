/** The shortest integer that JavaScript may round has so many digits. */
const LONG = 16;
/** More is no request for a model; what is beyond stays rounded. */
const MAX_PLACES = 1_000;
const MAX_PATH_LENGTH = 256 * 1024;

const ZERO = 0x30;
const NINE = 0x39;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export interface LongInteger {
  readonly path: readonly (string | number)[];
  readonly digits: string;
}

/**
 * Whether so many digits in a row stand anywhere in it, texts included. Looks at each sixteenth byte alone, so that it
 * costs next to nothing where there are none.
 */
export function hasLongInteger(json: Uint8Array): boolean {
  for (let at = LONG - 1; at < json.length; at += LONG) {
    if (!isDigit(json[at])) continue;
    let from = at;
    while (isDigit(json[from - 1])) from -= 1;
    let to = at;
    while (isDigit(json[to + 1])) to += 1;
    if (to - from + 1 >= LONG) return true;
  }
  return false;
}

/**
 * The integers of a JSON text that JavaScript would write with other digits, and where they stand.
 *
 * @param json that `JSON.parse` has taken
 */
export function placesOfLongIntegers(json: string): LongInteger[] {
  const found: LongInteger[] = [];
  /** Of each open array the place, of each open object the key that stands last. */
  const path: (string | number)[] = [];
  let pathLengths = 0;
  let at = 0;
  /** The last text, which is a key where a colon follows. */
  let text = '';
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfText(json, at);
      text = json.slice(at, end + 1);
      at = end + 1;
      continue;
    }
    const character = json[at]!;
    if (character === '[') path.push(0);
    else if (character === '{') path.push('');
    else if (character === ']' || character === '}') path.pop();
    else if (character === ':') path[path.length - 1] = JSON.parse(text) as string;
    else if (character === ',') {
      const last = path[path.length - 1];
      if (typeof last === 'number') path[path.length - 1] = last + 1;
    } else if (character === '-' || isDigit(code)) {
      const end = endOfNumber(json, at);
      const digits = json.slice(at, end);
      if (isRounded(digits)) {
        pathLengths += path.reduce<number>((length, part) => length + String(part).length, 0);
        if (found.length >= MAX_PLACES || pathLengths > MAX_PATH_LENGTH) return found;
        found.push({ path: [...path], digits });
      }
      at = end;
      continue;
    }
    at += 1;
  }
  return found;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRounded(digits: string): boolean {
  return digits.length >= LONG && /^-?\d+$/.test(digits) && String(Number(digits)) !== digits;
}

function endOfNumber(json: string, start: number): number {
  let end = start + 1;
  while (end < json.length && /[\d.eE+-]/.test(json[end]!)) end += 1;
  return end;
}

function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return json.length;
}

function isDigit(code: number | undefined): boolean {
  return code !== undefined && code >= ZERO && code <= NINE;
}
