import { isObject, placesOfLongIntegers } from './exact-numbers.policy.js';

/**
 * Integers beyond 2^53, as they were written: JSON pointers (RFC 6901) to them, and their digits. JavaScript has rounded
 * them where they stand.
 */
export type ExactNumbers = Readonly<Record<string, string>>;

/** A symbol is copied with the fields of an object, and left out by all that writes JSON. */
const EXACT = Symbol('exactNumbers');
/** A message's parameters lie no deeper in any body. */
const MARKED_LEVELS = 4;

/** Notes on the parsed value, and on the objects near its root, which of their numbers were rounded. */
export function markExactNumbers(value: unknown, json: string): void {
  for (const { path, digits } of placesOfLongIntegers(json)) {
    let container: unknown = value;
    for (let level = 0; level < MARKED_LEVELS && level < path.length; level += 1) {
      if (isObject(container)) mark(container, pointerTo(path.slice(level)), digits);
      container = (container as Record<string | number, unknown> | null)?.[path[level]!];
    }
  }
}

/** What is noted on an object, as far as it is about fields that it has; undefined for nothing. */
export function exactNumbersOf(object: object): ExactNumbers | undefined {
  const noted = (object as { [EXACT]?: ExactNumbers })[EXACT];
  if (noted === undefined) return undefined;
  const own = Object.entries(noted).filter(([pointer]) => Object.hasOwn(object, pathOf(pointer)[0] ?? ''));
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** `JSON.stringify`, with the numbers as they were written. What a pointer does not lead to any more is left as it is. */
export function stringifyExactly(object: Readonly<Record<string, unknown>>, exact: ExactNumbers): string {
  const mark = `exact-${crypto.randomUUID()}-`;
  const digits: string[] = [];
  let marked = object;
  for (const [pointer, written] of Object.entries(exact)) {
    if (!/^-?\d+$/.test(written)) continue;
    const next = replaced(marked, pathOf(pointer), Number(written), `${mark}${digits.length}`);
    if (next === null) continue;
    marked = next as Record<string, unknown>;
    digits.push(written);
  }
  return JSON.stringify(marked).replace(new RegExp(`"${mark}(\\d+)"`, 'g'), (_, at) => digits[Number(at)]!);
}

function mark(object: object, pointer: string, digits: string): void {
  const noted = (object as { [EXACT]?: Record<string, string> })[EXACT];
  if (noted !== undefined) noted[pointer] = digits;
  else Object.defineProperty(object, EXACT, { value: { [pointer]: digits }, enumerable: true });
}

/** A copy with one number replaced; null where that number is not there. */
function replaced(value: unknown, path: readonly string[], number: number, instead: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value === number ? instead : null;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
  const inner = replaced((value as Record<string, unknown>)[name], rest, number, instead);
  if (inner === null) return null;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  (copy as Record<string, unknown>)[name] = inner;
  return copy;
}

function pointerTo(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
