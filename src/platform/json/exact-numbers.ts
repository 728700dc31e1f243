import { changedParts, isObject, type Path } from './exact-numbers.policy.js';

/**
 * Numbers that JavaScript has changed where they stand, as they were written: JSON pointers (RFC 6901) to them, and their
 * digits.
 */
export type ExactNumbers = Readonly<Record<string, string>>;

/** A symbol is copied with the fields of an object, and left out by all that writes JSON. */
const CHANGED = Symbol('changedParts');
/** What was noted: digits, or null for a field with a name that is not kept. */
type Noted = Record<string, string | null>;
/** A message's parameters lie no deeper in any body. */
const MARKED_LEVELS = 4;

/**
 * Notes on the parsed value, and on the objects near its root, which of their parts are not kept as they were written.
 *
 * @returns the first place that was one too many to note; null where all are noted
 */
export function markChangedParts(value: unknown, json: string): Path | null {
  const { parts, beyond } = changedParts(json);
  for (const { path, digits } of parts) {
    let container: unknown = value;
    for (let level = 0; level < MARKED_LEVELS && level < path.length; level += 1) {
      if (isObject(container)) mark(container, pointerTo(path.slice(level)), digits);
      container = (container as Record<string | number, unknown> | null)?.[path[level]!];
    }
  }
  return beyond;
}

/** A part of an object that is not kept as it was written. */
export interface UnkeptPart {
  readonly path: readonly string[];
  readonly is: 'number' | 'name';
}

const NOTHING: readonly UnkeptPart[] = [];

/** What is noted on an object of its fields; mostly nothing. */
export function unkeptPartsOf(object: object): readonly UnkeptPart[] {
  const noted = notedOn(object);
  if (noted === undefined) return NOTHING;
  return Object.entries(noted).map(([pointer, digits]) => ({
    path: pathOf(pointer),
    is: digits === null ? 'name' : 'number',
  }));
}

/** The numbers noted on an object, as far as it has the fields that they are in; undefined for none. */
export function exactNumbersOf(object: object): ExactNumbers | undefined {
  const noted = notedOn(object);
  if (noted === undefined) return undefined;
  const own = Object.entries(noted).filter((part): part is [string, string] => {
    const [pointer, digits] = part;
    return digits !== null && Object.hasOwn(object, pathOf(pointer)[0] ?? '');
  });
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** `JSON.stringify`, with the numbers as they were written. What a pointer does not lead to any more is left as it is. */
export function stringifyExactly(object: Readonly<Record<string, unknown>>, exact: ExactNumbers): string {
  const mark = `exact-${crypto.randomUUID()}-`;
  const digits: string[] = [];
  let marked = object;
  for (const [pointer, written] of Object.entries(exact)) {
    if (!NUMBER.test(written)) continue;
    const next = replaced(marked, pathOf(pointer), Number(written), `${mark}${digits.length}`);
    if (next === null) continue;
    marked = next as Record<string, unknown>;
    digits.push(written);
  }
  return JSON.stringify(marked).replace(new RegExp(`"${mark}(\\d+)"`, 'g'), (_, at) => digits[Number(at)]!);
}

function notedOn(object: object): Noted | undefined {
  return (object as { [CHANGED]?: Noted })[CHANGED];
}

function mark(object: object, pointer: string, digits: string | null): void {
  const noted = notedOn(object);
  if (noted !== undefined) noted[pointer] = digits;
  else Object.defineProperty(object, CHANGED, { value: { [pointer]: digits }, enumerable: true });
}

/** A copy with one number replaced; null where that number is not there. */
function replaced(value: unknown, path: readonly string[], number: number, instead: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value === number || isInfinity(value, number) ? instead : null;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
  const inner = replaced((value as Record<string, unknown>)[name], rest, number, instead);
  if (inner === null) return null;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  (copy as Record<string, unknown>)[name] = inner;
  return copy;
}

/** JSON has written a null for it. */
function isInfinity(value: unknown, number: number): boolean {
  return value === null && !Number.isFinite(number);
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
