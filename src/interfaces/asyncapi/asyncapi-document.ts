import { stringify } from 'yaml';

/** What one protocol adds to the document: its channels, what is sent over them, and the schemas that it needs. */
export interface AsyncApiPart {
  readonly channels: Readonly<Record<string, object>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly messages: Readonly<Record<string, object>>;
  /** By name; what two parts call by one name must be one thing. */
  readonly schemas: Readonly<Record<string, unknown>>;
}

/**
 * Everything that the service sends and takes as messages, as one AsyncAPI 3 document: each protocol is a part of it,
 * made from the code that speaks it.
 */
export function asyncApiDocument(version: string, parts: readonly AsyncApiPart[]): Record<string, unknown> {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'LLM Message Queue',
      version,
      description:
        'What the service takes from publishers and callers over NATS and from clients of its WebSocket, what it tells them, ' +
        'and the events of its log.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: merged(parts, 'channels'),
    operations: merged(parts, 'operations'),
    components: { messages: merged(parts, 'messages'), schemas: merged(parts, 'schemas') },
  };
}

const PREAMBLE = '# Written from the code by `npm run asyncapi`: changes are lost.\n';

export function asyncApiYaml(document: object): string {
  return PREAMBLE + stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** @throws {Error} when two parts mean different things by one name */
function merged(parts: readonly AsyncApiPart[], section: keyof AsyncApiPart): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part[section])) {
      if (name in all && JSON.stringify(all[name]) !== JSON.stringify(value)) {
        throw new Error(`Two parts of the AsyncAPI document have ${section} of the name ${name}.`);
      }
      all[name] = value;
    }
  }
  return all;
}

/** Those of these schemas that one refers to, over any number of steps, and itself. */
export function schemasFrom(
  roots: readonly string[],
  schemas: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const visit = (name: string) => {
    if (name in found) return;
    if (!(name in schemas)) throw new Error(`There is no schema ${name}.`);
    found[name] = schemas[name];
    const references = JSON.stringify(schemas[name]).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
    for (const [, next] of references) visit(next!);
  };
  for (const root of roots) visit(root);
  return found;
}
