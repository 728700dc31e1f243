import { stdSerializers } from 'pino';

/**
 * Fields in which errors of PostgreSQL and of TypeORM repeat what was to be stored: messages of users. The statement is
 * kept, since its values are among the parameters.
 */
const VALUES: ReadonlySet<string> = new Set(['parameters', 'detail', 'where', 'internalQuery', 'dataRow']);
/** Errors have causes, which have causes. */
const MAX_LEVELS = 8;

/** An error as it is logged: with its stack, code and causes, and without the values that a statement had. */
export function loggedError(error: Error): object {
  return withoutValues(stdSerializers.err(error), MAX_LEVELS) as object;
}

function withoutValues(value: unknown, levels: number): unknown {
  // Dates and buffers know how they are written.
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (levels === 0) return undefined;
  if (Array.isArray(value)) return value.map((item) => withoutValues(item, levels - 1));
  const kept = Object.entries(value).filter(([name]) => !VALUES.has(name));
  const text = value instanceof Error ? { message: value.message, stack: value.stack } : {};
  return {
    ...text,
    ...Object.fromEntries(kept.map(([name, inner]) => [name, withoutValues(inner, levels - 1)])),
  };
}
