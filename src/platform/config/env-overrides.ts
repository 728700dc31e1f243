import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './config.error.js';
import { bare, SETTINGS, type Setting } from './settings.js';
import { isLink } from './strange-variables.policy.js';

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
      `${setting.env} is neither JSON nor YAML (its value is not shown, it may hold secrets). Write it as JSON, or use the configuration file.`,
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
 * variable that they pass on without having it. Neither is a link that they set for a service beside this one a number.
 *
 * @throws {ConfigError} for a list or map that is neither JSON nor YAML
 */
export function envOverrides(env: NodeJS.ProcessEnv): EnvOverride[] {
  return SETTINGS.flatMap((setting) => {
    const text = env[setting.env];
    const isSet =
      text !== undefined && text !== '' && !(bare(setting.schema) instanceof z.ZodNumber && isLink(text));
    return !isSet ? [] : [{ setting, value: parseValue(setting, text) }];
  });
}
