import type { ConfigFile } from './config-file.js';
import type { EnvOverride } from './env-overrides.js';
import { fieldsOf, isSection, schemaAt } from './settings.js';

/** What file and environment say, before anything is checked, and where each value came from. */
export interface RawConfig {
  readonly content: unknown;
  /** `the environment variable SERVER_PORT`, `config.yaml, line 4`; null for a default. */
  originOf(path: readonly PropertyKey[]): string | null;
  /** What to correct, for the end of an error: `Correct or unset SERVER_PORT`. */
  variableOf(path: readonly PropertyKey[]): string | null;
}

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A section whose keys are all commented out reads as `null` in YAML; it means a section without keys. */
function withoutEmptySections(value: unknown, path: readonly string[]): unknown {
  const schema = schemaAt(path);
  if (schema === null || !isSection(schema)) return value;
  if (value === null || value === undefined) return {};
  if (!isTree(value)) return value;
  const known = fieldsOf(schema);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      Object.hasOwn(known, key) ? withoutEmptySections(inner, [...path, key]) : inner,
    ]),
  );
}

/** Returns a copy with the value at the path; a value in the way that is no section stays, for the validation to refuse. */
function withValue(tree: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (tree !== undefined && !isTree(tree)) return tree;
  return { ...tree, [key]: withValue(tree?.[key], rest, value) };
}

function startsWith(path: readonly PropertyKey[], start: readonly string[]): boolean {
  return start.every((key, index) => path[index] === key);
}

/** Lays the environment over the file. */
export function rawConfig(file: ConfigFile | null, overrides: readonly EnvOverride[]): RawConfig {
  const variableOf = (path: readonly PropertyKey[]) =>
    overrides.find(({ setting }) => startsWith(path, setting.path))?.setting.env ?? null;
  return {
    content: overrides.reduce<unknown>(
      (tree, { setting, value }) => withValue(tree, setting.path, value),
      withoutEmptySections(file?.content, []),
    ),
    variableOf,
    originOf: (path) => {
      const variable = variableOf(path);
      if (variable !== null) return `the environment variable ${variable}`;
      const line = file?.lineOf(path) ?? null;
      return file === null || line === null ? null : `${file.path}, line ${line}`;
    },
  };
}
