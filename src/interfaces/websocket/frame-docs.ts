import type { INestApplication } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { framesDocument } from './frame-asyncapi.js';
import { frameSchema, frameSchemas } from './frame-schema.js';

/** Below the pages of the API's description, so that whoever may read those may read these. */
const SCHEMA_PATH = '/api/docs/websocket.json';
const ASYNCAPI_PATH = '/api/docs/websocket-asyncapi.json';

/**
 * Serves the JSON Schema of all frames, and their description in AsyncAPI. To be called after `NestFactory.create` and
 * before `init` or `listen`.
 */
export function serveFrameDocs(app: INestApplication, version: string): void {
  serve(app, SCHEMA_PATH, 'application/schema+json', () => frameSchema(version, frameSchemas(app)));
  serve(app, ASYNCAPI_PATH, 'application/vnd.aai.asyncapi+json', () =>
    framesDocument(version, frameSchemas(app)),
  );
}

function serve(app: INestApplication, path: string, type: string, document: () => object): void {
  let json: string | undefined;
  app.getHttpAdapter().get(path, (_request: FastifyRequest, reply: FastifyReply) => {
    // Made when somebody first asks: it takes some time, and most processes are never asked.
    json ??= JSON.stringify(document());
    void reply.type(`${type}; charset=utf-8`).send(json);
  });
}
