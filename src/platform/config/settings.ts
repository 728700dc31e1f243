import { z } from 'zod';
import { configSchema } from './config.schema.js';

/** One key of the configuration that holds a value, not further keys. */
export interface Setting {
  readonly path: readonly string[];
  /** The environment variable that overrides it. */
  readonly env: string;
  /** As declared, with its default and its description. */
  readonly schema: z.ZodType;
}

/** Takes defaults, `null` and `optional` off a schema, down to what says which values are allowed. */
export function bare(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

export function isSection(schema: z.ZodType): boolean {
  return bare(schema) instanceof z.ZodObject;
}

/** The schemas of an object's keys; nothing for any other schema. */
export function fieldsOf(schema: z.ZodType): Record<string, z.ZodType> {
  const inner = bare(schema);
  return inner instanceof z.ZodObject ? (inner.shape as Record<string, z.ZodType>) : {};
}

/** The schema of one item; null for anything but a list. */
export function itemOf(schema: z.ZodType): z.ZodType | null {
  const inner = bare(schema);
  return inner instanceof z.ZodArray ? (inner.element as z.ZodType) : null;
}

/** `['queue', 'levels', 'low', 'max_concurrent']` is overridden by `QUEUE_LEVELS_LOW_MAX_CONCURRENT`. */
export function envName(path: readonly string[]): string {
  return path.join('_').toUpperCase();
}

function collect(schema: z.ZodType, path: readonly string[]): Setting[] {
  if (!isSection(schema)) return [{ path, env: envName(path), schema }];
  return Object.entries(fieldsOf(schema)).flatMap(([key, field]) => collect(field, [...path, key]));
}

/** All settings in the order of the schema. Lists (`endpoints`, `security.api_keys`) are one setting each. */
export const SETTINGS: readonly Setting[] = collect(configSchema, []);

/** Keys come from files that others wrote: `constructor` must not find what every object has. */
function ownField(schema: z.ZodType, key: string): z.ZodType | null {
  const fields = fieldsOf(schema);
  return Object.hasOwn(fields, key) ? (fields[key] ?? null) : null;
}

/** The schema at a path of an issue, through sections and lists; null where the path leads out of the schema. */
export function schemaAt(path: readonly PropertyKey[]): z.ZodType | null {
  let schema: z.ZodType | null = configSchema;
  for (const key of path) {
    if (schema === null) return null;
    schema = typeof key === 'number' ? itemOf(schema) : ownField(schema, String(key));
  }
  return schema;
}

/** `endpoints[0].base_url` */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}
