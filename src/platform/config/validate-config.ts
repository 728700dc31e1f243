import type { z } from 'zod';
import { redactSecrets } from '../logging/redact.js';
import { allowedValues } from './allowed-values.js';
import { broughtKey, broughtList } from './brought-names.policy.js';
import { type Config, configSchema } from './config.schema.js';
import { suggestion } from './did-you-mean.policy.js';
import type { RawConfig } from './raw-config.js';
import { mayTellWrong } from './secret-settings.js';
import { fieldsOf, pathText, schemaAt } from './settings.js';

type Path = readonly PropertyKey[];

function shown(path: Path, value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a section';
  if (!mayTellWrong(path)) return 'what it is now (not shown, it may hold a secret)';
  const text = redactSecrets(JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function valueAt(content: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    content,
  );
}

function origin(raw: RawConfig, path: Path): string {
  const from = raw.originOf(path);
  return from === null ? '' : ` (from ${from})`;
}

function fix(raw: RawConfig, path: Path): string {
  const variable = raw.variableOf(path);
  return variable === null ? 'Correct it in the file.' : `Correct or unset ${variable}.`;
}

/** Deeper than any key that is known; an alias of YAML can lead a value into itself. */
const DEEPEST = 8;

/** The paths of the values at and below a path. */
function leaves(path: Path, value: unknown): string[] {
  const ends = typeof value !== 'object' || value === null || Array.isArray(value) || path.length >= DEEPEST;
  if (ends) return [pathText(path)];
  return Object.entries(value).flatMap(([key, inner]) => leaves([...path, key], inner));
}

function unknownKey(raw: RawConfig, section: Path, key: string): string {
  const path = [...section, key];
  const brought = broughtKey(leaves(path, valueAt(raw.content, path)));
  if (brought !== null)
    return `${pathText(path)}${origin(raw, path)} is not a key of this service. ${brought}`;
  const known = Object.keys(fieldsOf(schemaAt(section)!));
  const place = section.length === 0 ? 'the top level' : pathText(section);
  return `${pathText(path)}${origin(raw, path)} is not a key of this service.${suggestion(key, known)} The keys of ${place} are: ${known.join(', ')}.`;
}

function wrongValue(raw: RawConfig, issue: z.core.$ZodIssue): string {
  const schema = schemaAt(issue.path);
  const allowed = schema === null ? issue.message : allowedValues(schema);
  const value = valueAt(raw.content, issue.path);
  const key = issue.path.length === 0 ? 'the configuration' : pathText(issue.path);
  const brought = Array.isArray(value) ? broughtList(key) : null;
  if (brought !== null) return `${key}${origin(raw, issue.path)} can't be a list. ${brought}`;
  if (value === undefined) return `${key}${origin(raw, issue.path)} is missing; it takes ${allowed}. Add it.`;
  return `${key} can't be ${shown(issue.path, value)}${origin(raw, issue.path)}; it takes ${allowed}. ${fix(raw, issue.path)}`;
}

/** Checks every key by itself. The result is the whole configuration, or everything that is wrong with it. */
export function validateConfig(raw: RawConfig): { config: Config } | { problems: string[] } {
  const result = configSchema.safeParse(raw.content);
  if (result.success) return { config: result.data };
  const problems = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey(raw, issue.path, key))
      : [wrongValue(raw, issue)],
  );
  // Two rules of one key (a minimum and a pattern) would say the same sentence twice.
  return { problems: [...new Set(problems)] };
}
