import type { INestApplication, Type } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { completed } from '../http/api-description.js';
import * as client from './client-frames.dto.js';
import * as server from './server-frames.dto.js';
import { WebSocketModule } from './websocket.module.js';

type Schema = Readonly<Record<string, unknown>>;

const FRAMES: Type[] = [...Object.values(client), ...Object.values(server)];
/** By their names in the schema. */
export const CLIENT_FRAMES = namesOf(client);
export const SERVER_FRAMES = namesOf(server);

/** The schemas of all frames and of what they are made of, by their names. They refer to each other in OpenAPI's way. */
export function frameSchemas(app: INestApplication): Readonly<Record<string, Schema>> {
  // The module has no route that is described, so that all there is are the frames and what they are made of.
  const options = { include: [WebSocketModule], extraModels: FRAMES };
  const config = new DocumentBuilder().setOpenAPIVersion('3.1.0').build();
  const { components } = completed(SwaggerModule.createDocument(app, config, options));
  const schemas = (components?.schemas ?? {}) as Record<string, Schema>;
  return reachable(schemas, [...CLIENT_FRAMES, ...SERVER_FRAMES]);
}

/**
 * The JSON Schema of all frames: `ClientFrame` is what clients send, `ServerFrame` what they get. It is made from the
 * classes whose rules the frames are checked by, and from those of REST, so that none of them is described twice.
 */
export function frameSchema(version: string, schemas: Readonly<Record<string, Schema>>): Schema {
  return atDefs({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'LLM Message Queue: frames of the WebSocket',
    description: `Version ${version}. Clients must pass over fields and types of server frames that they do not know.`,
    oneOf: [refTo('ClientFrame'), refTo('ServerFrame')],
    $defs: { ClientFrame: oneOf(CLIENT_FRAMES), ServerFrame: oneOf(SERVER_FRAMES), ...schemas },
  });
}

function namesOf(classes: Readonly<Record<string, Type>>): readonly string[] {
  return Object.keys(classes)
    .map((name) => name.replace(/Dto$/, ''))
    .sort();
}

const PLACE = '#/components/schemas/';

function refTo(name: string): Schema {
  return { $ref: `${PLACE}${name}` };
}

function oneOf(names: readonly string[]): Schema {
  return { oneOf: names.map(refTo) };
}

/** Those of the schemas that the named ones lead to, themselves included. */
function reachable(
  schemas: Readonly<Record<string, Schema>>,
  names: readonly string[],
): Readonly<Record<string, Schema>> {
  const found = new Map<string, Schema>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const schema = schemas[name];
    if (schema === undefined || found.has(name)) continue;
    found.set(name, schema);
    for (const [, next] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      open.push(next!);
  }
  return Object.fromEntries([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function atDefs(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll(PLACE, '#/$defs/'));
}
