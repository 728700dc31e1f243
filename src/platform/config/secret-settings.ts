import { z } from 'zod';
import { configSchema } from './config.schema.js';
import { bare, fieldsOf } from './settings.js';

/**
 * Which texts of the configuration may be told: by `GET /api/v1/config`, and in words about a wrong one. Numbers, booleans
 * and choices always may. Any other text is secret until it is named here, those of settings that are still to come
 * included; a test asks for each of them to be on a list. `[]` is each item of a list, `{}` each value of a map. Names in
 * maps are no secrets.
 */
const TOLD: ReadonlySet<string> = new Set([
  ...['server.host', 'server.cors_origins[]', 'logging.file'],
  ...['database.schema', 'database.host', 'database.dbname'],
  ...['queue.preprocessor.rules[].id', 'queue.preprocessor.rules[].description'],
  ...['queue.preprocessor.rules[].keywords[]', 'queue.preprocessor.rules[].pattern'],
  ...['queue.preprocessor.rules[].metadata{}', 'retention.content', 'retention.messages'],
  ...['batches.keep_files', 'batches.keep_batches'],
  ...['conversation.summary.model', 'conversation.summary.prompt', 'endpoints[].name'],
  ...['endpoints[].models[]', 'endpoints[].models[].name', 'endpoints[].models[].upstream'],
  ...['loadbalancer.fallbacks{}[]', 'loadbalancer.context_window_fallbacks{}[]'],
  'loadbalancer.content_policy_fallbacks{}[]',
  ...['security.api_keys[].name', 'security.api_keys[].tenant', 'security.api_keys[].expires_at'],
  ...['nats.publishers[].name', 'nats.publishers[].tenant', 'security.endpoint_keys[].origins[]'],
  ...['scheduler.kubernetes.deployment', 'scheduler.kubernetes.namespace', 'scheduler.kubernetes.kubeconfig'],
  ...['security.egress.allow[]', 'security.egress.deny[]'],
]);

/** Told where they are as they should be: what is not may be the secret itself, in the place of its name. */
const TOLD_IF_VALID: ReadonlySet<string> = new Set([
  ...['database.password_env', 'endpoints[].api_key_env', 'security.endpoint_keys[].env'],
  ...['queue.dead_letters.webhook_secret_env', 'nats.publishers[].nkey'],
]);

/** Told where they can be read as addresses, without user, password and query. */
const ADDRESSES: ReadonlySet<string> = new Set([
  ...['database.url', 'nats.url', 'endpoints[].base_url', 'tracing.endpoint'],
]);

/** Never told. What is on none of these lists is not told either; this one says that somebody thought of it. */
const SECRET: ReadonlySet<string> = new Set([
  ...['database.user', 'database.password', 'nats.user', 'nats.password', 'endpoints[].headers{}'],
  ...['queue.dead_letters.webhook_url', 'webhooks.url', 'webhooks.secrets[]'],
  ...['security.api_keys[].sha256', 'security.api_keys[].callback_url'],
  'security.api_keys[].webhook_secrets[]',
]);

export const TEXT_LISTS = [TOLD, TOLD_IF_VALID, ADDRESSES, SECRET] as const;

export type Telling = 'told' | 'address' | 'secret';

/** @param setting such as `endpoints[].name`, of a valid text */
export function tellingOf(setting: string): Telling {
  if (TOLD.has(setting) || TOLD_IF_VALID.has(setting)) return 'told';
  return ADDRESSES.has(setting) ? 'address' : 'secret';
}

/** Whether a value may be told that is wrong there: in the place of a section too, which it may be a part of. */
export function mayTellWrong(path: readonly PropertyKey[]): boolean {
  const found = settingAt(path);
  return found !== null && textsIn(found.schema, found.setting).every((setting) => TOLD.has(setting));
}

/** The settings at and below a schema that are texts. */
export function textsIn(declared: z.ZodType, at: string): string[] {
  const schema = bare(declared);
  if (schema instanceof z.ZodObject)
    return Object.entries(fieldsOf(schema)).flatMap(([name, field]) => textsIn(field, fieldAt(at, name)));
  if (schema instanceof z.ZodArray) return textsIn(schema.element as z.ZodType, `${at}[]`);
  if (schema instanceof z.ZodRecord) return textsIn(schema.valueType as z.ZodType, `${at}{}`);
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodType[]).flatMap((option) => textsIn(option, at));
  return isText(schema) ? [at] : [];
}

/** @param schema that is neither a section, a list, a map nor a choice between these */
export function isText(schema: z.ZodType): boolean {
  return ![z.ZodNumber, z.ZodBoolean, z.ZodEnum, z.ZodLiteral].some((kind) => schema instanceof kind);
}

export function fieldAt(section: string, name: string): string {
  return section === '' ? name : `${section}.${name}`;
}

interface Found {
  readonly setting: string;
  readonly schema: z.ZodType;
}

/** What is meant by the path of a value, such as `['endpoints', 0, 'name']`; null where it leads out of the schema. */
function settingAt(path: readonly PropertyKey[]): Found | null {
  return path.reduce<Found | null>((found, key) => found && within(found.schema, found.setting, key), {
    setting: '',
    schema: configSchema,
  });
}

function within(declared: z.ZodType, at: string, key: PropertyKey): Found | null {
  const schema = bare(declared);
  if (schema instanceof z.ZodArray) return { setting: `${at}[]`, schema: schema.element as z.ZodType };
  if (schema instanceof z.ZodRecord) return { setting: `${at}{}`, schema: schema.valueType as z.ZodType };
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodType[]).map((option) => within(option, at, key)).find(Boolean) ?? null;
  const fields = fieldsOf(schema);
  const name = String(key);
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return field === undefined ? null : { setting: fieldAt(at, name), schema: field };
}
