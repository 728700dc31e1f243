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

/** A shorter number is the same again when JavaScript writes it, unless its exponent is large. */
const LONG = 16;
const LARGE_EXPONENT = /\d[eE][+-]?\d{3}/;
const UNKEPT_NAME = '__proto__';
/** Of a letter or underscore, as which any of the name can be written. */
const ESCAPED_LETTER = /\\u00[567]/;

/** More is no request for a model. */
export const MAX_PLACES = 1_000;
const MAX_PATH_LENGTH = 256 * 1024;
/** Numbers that are compared digit by digit, since their text alone does not tell. */
const MAX_COMPARED = 2_000;

const DOT = 0x2e;
const MINUS = 0x2d;
const PLUS = 0x2b;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

export type Path = readonly (string | number)[];

/** A part of a JSON text that is another one once it was read and written again. */
export interface ChangedPart {
  readonly path: Path;
  /** The number as it was written; null for a field with a name that is not kept. */
  readonly digits: string | null;
}

export interface ChangedParts {
  readonly parts: readonly ChangedPart[];
  /** The first place that was one too many to look at; null where all were. */
  readonly beyond: Path | null;
}

/** Whether it is worth looking for changed parts. Costs next to nothing, and is true now and then where there are none. */
export function mayBeChanged(bytes: Uint8Array, json: string): boolean {
  return hasLongNumber(bytes) || LARGE_EXPONENT.test(json) || mayHaveUnkeptName(json);
}

function mayHaveUnkeptName(json: string): boolean {
  return json.includes(UNKEPT_NAME) || (json.includes('\\u00') && ESCAPED_LETTER.test(json));
}

/** Whether so many digits and dots in a row stand anywhere in it, texts included. Looks at each sixteenth byte alone. */
export function hasLongNumber(json: Uint8Array): boolean {
  for (let at = LONG - 1; at < json.length; at += LONG) {
    if (!isOfNumber(json[at])) continue;
    let from = at;
    while (isOfNumber(json[from - 1])) from -= 1;
    let to = at;
    while (isOfNumber(json[to + 1])) to += 1;
    if (to - from + 1 >= LONG) return true;
  }
  return false;
}

/**
 * Numbers that JavaScript would write with another value, and fields with a name that libraries drop, and where they
 * stand.
 *
 * @param json that `JSON.parse` has taken
 */
export function changedParts(json: string): ChangedParts {
  const parts: ChangedPart[] = [];
  /** Of each open array the place, of each open object the key that stands last. */
  const path: (string | number)[] = [];
  let pathLengths = 0;
  let compared = 0;
  /** Where the last text is, which is a key where a colon follows. */
  let text: readonly [from: number, to: number] = [0, 0];
  let at = 0;
  const isRoom = () => {
    pathLengths += path.reduce<number>((length, part) => length + String(part).length, 0);
    return parts.length < MAX_PLACES && pathLengths <= MAX_PATH_LENGTH;
  };
  while (at < json.length) {
    const code = json.charCodeAt(at);
    let next = at + 1;
    if (code === QUOTE) {
      next = endOfText(json, at) + 1;
      text = [at, next];
    } else if (code === OPENING_LIST) path.push(0);
    else if (code === OPENING_OBJECT) path.push('');
    else if (code === CLOSING_LIST || code === CLOSING_OBJECT) path.pop();
    else if (code === COLON) {
      const name = JSON.parse(json.slice(...text)) as string;
      path[path.length - 1] = name;
      if (name === UNKEPT_NAME) {
        if (!isRoom()) return { parts, beyond: path };
        parts.push({ path: [...path], digits: null });
      }
    } else if (code === COMMA) {
      const last = path[path.length - 1];
      if (typeof last === 'number') path[path.length - 1] = last + 1;
    } else if (code === MINUS || isDigit(code)) {
      next = endOfNumber(json, at);
      const digits = json.slice(at, next);
      if (!isKept(digits)) {
        compared += 1;
        const changed = isChanged(digits);
        if (compared > MAX_COMPARED || (changed && !isRoom())) return { parts, beyond: path };
        if (changed) parts.push({ path: [...path], digits });
      }
    }
    at = next;
  }
  return { parts, beyond: null };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As seen at once, without a look at each digit. */
function isKept(number: string): boolean {
  return (number.length < LONG && !LARGE_EXPONENT.test(number)) || String(Number(number)) === number;
}

function isChanged(number: string): boolean {
  const value = Number(number);
  return !Number.isFinite(value) || decimal(number) !== decimal(String(value));
}

/** The same text for the same value, however it is written. */
function decimal(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  let from = 0;
  while (digits.charCodeAt(from) === ZERO) from += 1;
  let to = digits.length;
  while (to > from && digits.charCodeAt(to - 1) === ZERO) to -= 1;
  if (from === to) return '0';
  const power = Number(exponent) - fraction.length + digits.length - to;
  return `${number.startsWith('-') ? '-' : ''}${digits.slice(from, to)}e${power}`;
}

function endOfNumber(json: string, start: number): number {
  let end = start + 1;
  while (isWithinNumber(json.charCodeAt(end))) end += 1;
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

function isWithinNumber(code: number): boolean {
  return isOfNumber(code) || code === MINUS || code === PLUS || code === UPPER_E || code === LOWER_E;
}

function isOfNumber(code: number | undefined): boolean {
  return code === DOT || isDigit(code);
}

function isDigit(code: number | undefined): boolean {
  return code !== undefined && code >= ZERO && code <= NINE;
}
