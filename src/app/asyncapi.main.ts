import { writeFile } from 'node:fs/promises';
import { asyncApiDocument, asyncApiYaml } from '../interfaces/asyncapi/asyncapi-document.js';
import { NATS_MODELS, natsPart } from '../interfaces/nats/nats.asyncapi.js';
import { responsesPart } from '../interfaces/responses/responses.asyncapi.js';
import { WEBSOCKET_MODELS } from '../interfaces/websocket/frame-schema.js';
import { websocketPart } from '../interfaces/websocket/websocket.asyncapi.js';
import { eventsPart } from '../log/asyncapi.js';
import { VERSION } from '../platform/version.js';
import { describedApp } from './described-app.js';

/**
 * Writes the AsyncAPI document, or prints it (`--print`). Run in the project's folder. Its parts stand in the order in
 * which people need them: what clients send and hear, then the events of the log.
 */
const PATH = 'docs/asyncapi.yaml';
const described = await describedApp([...NATS_MODELS, ...WEBSOCKET_MODELS]);
const schemas = { ...described.components?.schemas };
const document = asyncApiYaml(
  asyncApiDocument(VERSION, [
    natsPart(schemas),
    websocketPart(schemas),
    responsesPart(described),
    eventsPart(),
  ]),
);
if (process.argv.includes('--print')) process.stdout.write(document);
else {
  await writeFile(PATH, document);
  console.log(`Written: ${PATH}`);
}
