import { stringify } from 'yaml';
import type { z } from 'zod';
import { allowedValues } from './allowed-values.js';
import { configSchema } from './config.schema.js';
import { fieldsOf, isSection } from './settings.js';

const HEADER = `# Every key with its default: leave out what you don't change. Written by npm run config:reference.
#
# A copy named config.yaml is read by a start in its folder; any other:  npm start -- --config FILE
# An environment variable of a key's path goes before the file: SERVER_PORT for server.port.
`;

/** What an entry of a list looks like; the defaults are empty, and say nothing. */
export const EXAMPLE_ENTRIES: Readonly<Record<string, unknown>> = {
  endpoints: [
    {
      name: 'gpu-1',
      base_url: 'http://10.0.0.5:8000/v1',
      models: ['qwen3-32b'],
      max_concurrency: 32,
    },
    {
      name: 'provider',
      base_url: 'https://api.openai.com/v1',
      models: ['gpt-5-mini'],
      api_key_env: 'OPENAI_API_KEY',
    },
  ],
  'security.api_keys': [
    {
      name: 'web-shop',
      sha256: '0'.repeat(64),
      role: 'client',
      tenant: 'shop',
    },
  ],
};

function indented(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : by + line))
    .join('\n');
}

function comment(text: string): string {
  return indented(text.trimEnd(), '# ');
}

function setting(name: string, schema: z.ZodType, path: string): string {
  const about = `${schema.description ?? ''} (${allowedValues(schema)})`;
  const line = `${comment(about)}\n${stringify({ [name]: schema.parse(undefined) })}`;
  const entries = EXAMPLE_ENTRIES[path];
  return entries === undefined ? line : `${line}${comment(stringify({ [name]: entries }))}\n`;
}

function section(fields: Record<string, z.ZodType>, path: readonly string[]): string {
  return Object.entries(fields)
    .map(([name, schema]) => {
      const inner = [...path, name];
      if (!isSection(schema)) return setting(name, schema, inner.join('.'));
      return `${name}:\n${indented(section(fieldsOf(schema), inner), '  ')}`;
    })
    .join(path.length === 0 ? '\n' : '');
}

/** `config.example.yaml`: every key with its meaning and its default. */
export function exampleFile(): string {
  return `${HEADER}\n${section(fieldsOf(configSchema), [])}`;
}
