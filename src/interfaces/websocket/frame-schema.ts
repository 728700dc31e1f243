import type { INestApplication, Type } from '@nestjs/common';
import { schemasFrom } from '../asyncapi/asyncapi-document.js';
import { apiDescription } from '../http/api-docs.js';
import * as client from './client-frames.dto.js';
import * as server from './server-frames.dto.js';

/** The classes of all frames. */
export const WEBSOCKET_MODELS: readonly Type[] = [...Object.values(client), ...Object.values(server)];
/** Their names in descriptions. */
export const CLIENT_FRAMES = namesOf(client);
export const SERVER_FRAMES = namesOf(server);

/**
 * The JSON Schema of all frames: `ClientFrame` is what clients send, `ServerFrame` what they get. It is made from the
 * classes whose rules the frames are checked by, and from those of REST, so that none of them is described twice.
 */
export function frameSchema(app: INestApplication, version: string): object {
  const { components } = apiDescription(app, version, WEBSOCKET_MODELS);
  const schemas = schemasFrom([...CLIENT_FRAMES, ...SERVER_FRAMES], { ...components?.schemas });
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

function refTo(name: string): object {
  return { $ref: `${PLACE}${name}` };
}

function oneOf(names: readonly string[]): object {
  return { oneOf: names.map(refTo) };
}

function atDefs(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll(PLACE, '#/$defs/'));
}
