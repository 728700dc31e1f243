import type { z } from 'zod';

export type Predicate = (value: unknown) => boolean;

/** What a schema is made of, as zod 4 tells it; only what is looked at here. */
interface Definition {
  readonly type: string;
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[];
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly keyType?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly entries?: Readonly<Record<string, string>>;
  readonly values?: readonly unknown[];
}

interface CheckDefinition {
  readonly check: string;
  readonly format?: string;
  readonly value?: number;
  readonly inclusive?: boolean;
  readonly minimum?: number;
}

/**
 * Whether a schema accepts a value, and nothing else: no copy, no list of what is wrong. Every event of the log is
 * checked whenever it is read, and this takes half of the schema's own time. The schema stays the only description:
 * what this does not know of it (another kind, another check) is asked of the schema itself.
 */
export function predicateOf(schema: z.ZodType): Predicate {
  return known(schema) ?? ((value) => schema.safeParse(value).success);
}

function known(schema: z.ZodType): Predicate | null {
  const definition = schema._zod.def as unknown as Definition;
  const checks = (definition.checks ?? []).map(({ _zod }) => checkOf(_zod.def));
  return [shapeOf(definition), ...checks].reduce(both);
}

/** Nested rather than a list to go through: that would make a function for each value, 1.4 KB for a message's events. */
function both(one: Predicate | null, other: Predicate | null): Predicate | null {
  return one === null || other === null ? null : (value) => one(value) && other(value);
}

function shapeOf(definition: Definition): Predicate | null {
  const { innerType, element, valueType, keyType, options, values, entries } = definition;
  switch (definition.type) {
    case 'string':
      return stringOf(definition);
    case 'number':
      return Number.isFinite;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'unknown':
      return () => true;
    case 'literal': {
      const [only] = values!;
      return values!.length === 1 ? (value) => value === only : (value) => values!.includes(value);
    }
    case 'enum': {
      const allowed = new Set<unknown>(Object.values(entries!));
      return (value) => allowed.has(value);
    }
    case 'nullable':
      return except(null, predicateOf(innerType!));
    case 'optional':
      return except(undefined, predicateOf(innerType!));
    case 'union':
      return options!.map(predicateOf).reduce(either);
    case 'array': {
      const each = predicateOf(element!);
      return (value) => Array.isArray(value) && value.every(each);
    }
    case 'record':
      return isAnything(keyType!, 'string') && isAnything(valueType!, 'unknown') ? isPlainObject : null;
    case 'object':
      return objectOf(definition);
    default:
      return null;
  }
}

function either(one: Predicate, other: Predicate): Predicate {
  return (value) => one(value) || other(value);
}

function except(allowed: null | undefined, inner: Predicate): Predicate {
  return (value) => value === allowed || inner(value);
}

function stringOf({ format, pattern }: Definition): Predicate | null {
  if (format === undefined) return (value) => typeof value === 'string';
  return format === 'datetime' && pattern !== undefined ? matching(pattern) : null;
}

/** Remembers the last match: the times in an event, and in those appended with it, are mostly one. */
function matching(pattern: RegExp): Predicate {
  let last: unknown = null;
  return (value) => {
    if (value === last) return true;
    if (typeof value !== 'string' || !pattern.test(value)) return false;
    last = value;
    return true;
  };
}

function objectOf({ shape, catchall }: Definition): Predicate | null {
  if (catchall !== undefined && !isAnything(catchall, 'unknown')) return null;
  const keys = Object.keys(shape!);
  const accepts = keys.map((key) => predicateOf(shape![key]!));
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    for (let index = 0; index < keys.length; index += 1) {
      if (!accepts[index]!((value as Record<string, unknown>)[keys[index]!])) return false;
    }
    return true;
  };
}

/** A schema of this type that asks for nothing more. */
function isAnything(schema: z.ZodType, type: string): boolean {
  const definition = schema._zod.def as unknown as Definition;
  return (
    definition.type === type && definition.format === undefined && (definition.checks ?? []).length === 0
  );
}

/** As JSON's parser makes it. */
function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkOf({ check, format, value, inclusive, minimum }: CheckDefinition): Predicate | null {
  switch (check) {
    case 'number_format':
      return format === 'safeint' ? Number.isSafeInteger : null;
    case 'greater_than':
      return inclusive ? (found) => (found as number) >= value! : (found) => (found as number) > value!;
    case 'less_than':
      return inclusive ? (found) => (found as number) <= value! : (found) => (found as number) < value!;
    case 'min_length':
      return (found) => (found as string).length >= minimum!;
    default:
      return null;
  }
}
