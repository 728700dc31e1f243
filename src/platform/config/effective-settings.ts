import { z } from 'zod';
import { configSchema } from './config.schema.js';
import { fieldAt, isText, tellingOf } from './secret-settings.js';
import type { ServiceConfig } from './service-config.js';
import { bare } from './settings.js';

export const HIDDEN = '***';

export interface EffectiveSettings {
  readonly settings: unknown;
  /** The paths of what is set and not shown. */
  readonly hidden: readonly string[];
}

/** The settings that a process works with, from wherever they came, without secrets. */
export function effectiveSettings(config: ServiceConfig): EffectiveSettings {
  const hidden = new Set<string>();
  return { settings: shown(configSchema, config, '', hidden), hidden: [...hidden] };
}

function shown(declared: z.ZodType, value: unknown, path: string, hidden: Set<string>): unknown {
  if (value === null || value === undefined) return value;
  const schema = bare(declared);
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape as Record<string, z.ZodType>);
    const of = value as Record<string, unknown>;
    return Object.fromEntries(
      fields.map(([name, field]) => [name, shown(field, of[name], fieldAt(path, name), hidden)]),
    );
  }
  if (schema instanceof z.ZodArray) {
    return (value as unknown[]).map((item) => shown(schema.element as z.ZodType, item, `${path}[]`, hidden));
  }
  if (schema instanceof z.ZodRecord) {
    const entries = Object.entries(value as object);
    return Object.fromEntries(
      entries.map(([name, item]) => [name, shown(schema.valueType as z.ZodType, item, `${path}{}`, hidden)]),
    );
  }
  if (schema instanceof z.ZodUnion) {
    const option = (schema.options as z.ZodType[]).find((each) => each.safeParse(value).success);
    if (option !== undefined) return shown(option, value, path, hidden);
  }
  return shownValue(schema, value, path, hidden);
}

function shownValue(schema: z.ZodType, value: unknown, path: string, hidden: Set<string>): unknown {
  if (!isText(schema) || value === '') return value;
  const telling = tellingOf(path);
  if (telling === 'told') return value;
  const address = telling === 'address' ? shownAddress(String(value)) : null;
  if (address === null) hidden.add(path);
  return address ?? HIDDEN;
}

const HOST = String.raw`(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?`;
/** What follows the user's part has no other `@`: that would be a part of a password that is not escaped. */
const ADDRESS = new RegExp(
  `^([a-z][a-z0-9+.-]*://)(?:[^/?#]*@)?(${HOST}(?:,${HOST})*)(/[^?#@]*)?(?:[?#][^@]*)?$`,
  'i',
);

/** One address or several with commas, without what may be secret in it; null for what can't be read as such. */
export function shownAddress(text: string): string | null {
  const parts = text.split(/,(?=[a-z][a-z0-9+.-]*:\/\/)/i).map((part) => ADDRESS.exec(part));
  if (parts.includes(null)) return null;
  return parts.map((part) => `${part![1]}${part![2]}${part![3] ?? ''}`).join(',');
}
