import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { LOG_EVENT_TYPES } from '../domain/log-event.events.js';
import { asyncApiDocument, asyncApiYaml } from './asyncapi.js';

const FILE = join(resolve(import.meta.dirname, '../..'), 'docs/asyncapi.yaml');

describe('the AsyncAPI document', () => {
  it('in docs is what the event catalogue says (npm run asyncapi)', () => {
    expect(readFileSync(FILE, 'utf8')).toBe(asyncApiYaml());
    expect(parse(asyncApiYaml())).toEqual(asyncApiDocument());
  });

  it('has every event, on a subject of its own', () => {
    const { channels, operations, components } = asyncApiDocument();
    const addresses = Object.values(channels).map(({ address }) => address);
    expect(new Set(addresses).size).toBe(LOG_EVENT_TYPES.length);
    expect(Object.keys(operations)).toHaveLength(LOG_EVENT_TYPES.length);
    expect(Object.values(components.messages).map(({ name }) => name)).toEqual(LOG_EVENT_TYPES);
  });

  it('says that a stored message is one event, or two of which it has the last', () => {
    const { messages, schemas } = asyncApiDocument().components;
    const any = { $ref: '#/components/schemas/AnyEvent' };
    for (const type of LOG_EVENT_TYPES) {
      const [name, { payload }] = Object.entries(messages).find(([, message]) => message.name === type)!;
      const event = { $ref: `#/components/schemas/${name}` };
      const pair = { type: 'array', items: [any, event], minItems: 2, maxItems: 2 };
      expect(payload).toEqual({ oneOf: [event, pair] });
    }
    expect(schemas['AnyEvent']?.['oneOf']).toHaveLength(LOG_EVENT_TYPES.length);
  });

  it('refers only to what it has', () => {
    const document = asyncApiDocument();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      ([, path]) => path!,
    );
    expect(references.length).toBeGreaterThan(0);
    for (const path of references) {
      const target = path
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
      expect(target).toBeDefined();
    }
  });

  it('says what each event must have', () => {
    const { schemas } = asyncApiDocument().components;
    expect(schemas['MessageCancelled']).toMatchObject({
      type: 'object',
      properties: {
        type: { const: 'llmq.message.cancelled.v1' },
        data: { required: ['by', 'reason'], properties: { by: { type: 'string' } } },
      },
    });
  });
});
