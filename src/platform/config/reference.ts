import type { z } from 'zod';
import { allowedValues } from './allowed-values.js';
import { configSchema } from './config.schema.js';
import { fieldsOf, itemOf, SETTINGS, type Setting } from './settings.js';

interface Row {
  readonly key: string;
  readonly env: string;
  readonly takes: string;
  readonly byDefault: string;
  readonly meaning: string;
}

const DEFAULTS: unknown = configSchema.parse({});

export function defaultOf(setting: Setting): unknown {
  return setting.path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], DEFAULTS);
}

const MIB = 1024 * 1024;

function defaultText(key: string, value: unknown): string {
  if (value === undefined) return 'required';
  const whole = key.endsWith('_bytes') && typeof value === 'number' && value % MIB === 0;
  return `\`${JSON.stringify(value)}\`${whole ? ` (${(value as number) / MIB} MiB)` : ''}`;
}

function meaning(schema: z.ZodType): string {
  return schema.description ?? '';
}

/** The fields of a list's entries: they have no variable of their own, the list has. */
function entryRows(list: Setting): Row[] {
  const item = itemOf(list.schema);
  if (item === null) return [];
  return Object.entries(fieldsOf(item)).map(([name, schema]) => {
    const missing = schema.safeParse(undefined);
    return {
      key: `${list.path.join('.')}[].${name}`,
      env: '',
      takes: allowedValues(schema),
      byDefault: missing.success && missing.data === undefined ? 'none' : defaultText(name, missing.data),
      meaning: meaning(schema),
    };
  });
}

function rows(): Row[] {
  return SETTINGS.flatMap((setting) => [
    {
      key: setting.path.join('.'),
      env: setting.env,
      takes: allowedValues(setting.schema),
      byDefault: defaultText(setting.path.at(-1)!, defaultOf(setting)),
      meaning: meaning(setting.schema),
    },
    ...entryRows(setting),
  ]);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

/** All keys as a table in Markdown, in the order of the schema. */
export function configurationTable(): string {
  const lines = rows().map(({ key, env, takes, byDefault, meaning: says }) =>
    `| ${[code(key), code(env), cell(takes), cell(byDefault), cell(says)].join(' | ')} |`.replace(
      / {2,}/g,
      ' ',
    ),
  );
  return [
    '| key | environment variable | takes | default | meaning |',
    '|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

const START = '<!-- configuration:start, written by npm run config:reference -->';
const END = '<!-- configuration:end -->';

/**
 * Puts the table between the markers of a document.
 *
 * @throws {Error} where the document has no such markers
 */
export function withConfigurationTable(document: string): string {
  const start = document.indexOf(START);
  const end = document.indexOf(END);
  if (start < 0 || end < start) throw new Error(`The document lacks "${START}" and, after it, "${END}".`);
  return `${document.slice(0, start + START.length)}\n\n${configurationTable()}\n${document.slice(end)}`;
}
