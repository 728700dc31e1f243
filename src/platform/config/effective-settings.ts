import { z } from 'zod';
import { configSchema } from './config.schema.js';
import type { ServiceConfig } from './service-config.js';
import { bare } from './settings.js';

/**
 * Texts that are no secrets, and are shown as they are. Numbers, booleans and choices are always shown; any other text
 * is hidden until it is named here, those of settings that are still to come included. `[]` is each item of a list,
 * `{}` each value of a map. Names in maps are shown.
 */
const SHOWN: ReadonlySet<string> = new Set([
  ...['server.host', 'server.cors_origins[]', 'logging.file'],
  ...['database.schema', 'database.host', 'database.dbname', 'database.password_env'],
  ...['queue.preprocessor.rules[].id', 'queue.preprocessor.rules[].description'],
  ...['queue.preprocessor.rules[].keywords[]', 'queue.preprocessor.rules[].pattern'],
  ...['queue.preprocessor.rules[].metadata{}', 'retention.content', 'retention.messages'],
  ...['batches.keep_files', 'batches.keep_batches'],
  ...['queue.dead_letters.webhook_secret_env', 'conversation.summary.model', 'conversation.summary.prompt'],
  ...['endpoints[].name', 'endpoints[].api_key_env'],
  ...['endpoints[].models[]', 'endpoints[].models[].name', 'endpoints[].models[].upstream'],
  ...['loadbalancer.fallbacks{}[]', 'loadbalancer.context_window_fallbacks{}[]'],
  'loadbalancer.content_policy_fallbacks{}[]',
  ...['security.api_keys[].name', 'security.api_keys[].tenant', 'security.api_keys[].expires_at'],
  ...['nats.publishers[].name', 'nats.publishers[].tenant', 'nats.publishers[].nkey'],
  ...['security.endpoint_keys[].env', 'security.endpoint_keys[].origins[]'],
  ...['scheduler.kubernetes.deployment', 'scheduler.kubernetes.namespace', 'scheduler.kubernetes.kubeconfig'],
  ...['security.egress.allow[]', 'security.egress.deny[]'],
]);

/** Addresses, shown without user, password and query. */
const SHOWN_ADDRESSES: ReadonlySet<string> = new Set([
  'database.url',
  'nats.url',
  'endpoints[].base_url',
  'tracing.endpoint',
]);

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
      fields.map(([name, field]) => [
        name,
        shown(field, of[name], path === '' ? name : `${path}.${name}`, hidden),
      ]),
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
  if (schema instanceof z.ZodNumber || schema instanceof z.ZodBoolean) return value;
  if (schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral) return value;
  if (value === '' || SHOWN.has(path)) return value;
  const address = SHOWN_ADDRESSES.has(path) ? shownAddress(String(value)) : null;
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
