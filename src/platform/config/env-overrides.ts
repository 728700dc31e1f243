import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './config.error.js';
import { closest } from './did-you-mean.js';
import { bare, SETTINGS, type Setting } from './settings.js';

/** The variables of ours that are not keys of the file. */
const OWN_VARIABLES = ['LLMQ_CONFIG', 'LLMQ_DATA_DIR', 'LLMQ_ROLES'] as const;

/** An override, or what is wrong with it. */
export interface EnvOverride {
  readonly setting: Setting;
  readonly value: unknown;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function parseList(setting: Setting, text: string): unknown {
  try {
    return parse(text);
  } catch {
    throw new ConfigError([
      `${setting.env} is neither JSON nor YAML (its value is not shown, it may hold secrets). Write it as JSON, or use the file named by LLMQ_CONFIG.`,
    ]);
  }
}

/**
 * A variable is text; the key's type says what the text means. What can't be read as that type is left as it is,
 * so that the validation refuses it in the same words as a wrong value of the file.
 */
function parseValue(setting: Setting, text: string): unknown {
  const type = bare(setting.schema);
  if (type instanceof z.ZodArray || type instanceof z.ZodRecord) return parseList(setting, text);
  const trimmed = text.trim();
  if (trimmed === 'null' && setting.schema.safeParse(null).success) return null;
  if (type instanceof z.ZodNumber) return NUMBER.test(trimmed) ? Number(trimmed) : text;
  if (type instanceof z.ZodBoolean) return trimmed === 'true' ? true : trimmed === 'false' ? false : text;
  return text;
}

/**
 * The keys that the environment sets. An empty variable counts as not set: that is what container tools make of a
 * variable that they pass on without having it.
 *
 * @throws {ConfigError} for a list or map that is neither JSON nor YAML
 */
export function envOverrides(env: NodeJS.ProcessEnv): EnvOverride[] {
  return SETTINGS.flatMap((setting) => {
    const text = env[setting.env];
    return text === undefined || text === '' ? [] : [{ setting, value: parseValue(setting, text) }];
  });
}

/**
 * Variables that look like a slip in one of ours. The environment is shared with every other program, so a near miss
 * is told and not refused.
 */
export function envNearMisses(env: NodeJS.ProcessEnv): string[] {
  const known = new Set([...SETTINGS.map((setting) => setting.env), ...OWN_VARIABLES]);
  return Object.keys(env).flatMap((name) => {
    if (known.has(name) || !name.includes('_')) return [];
    const meant = closest(name, known);
    return meant === null
      ? []
      : [`the environment variable ${name} is not one of this service's; ${meant} is.`];
  });
}
