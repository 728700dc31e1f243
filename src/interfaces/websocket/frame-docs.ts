import type { INestApplication } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { frameSchema } from './frame-schema.js';

/** Below the pages of the API's description, so that whoever may read those may read this. */
const SCHEMA_PATH = '/api/docs/websocket.json';

/** Serves the JSON Schema of all frames. To be called after `NestFactory.create` and before `init` or `listen`. */
export function serveFrameDocs(app: INestApplication, version: string): void {
  let schema: string | undefined;
  app.getHttpAdapter().get(SCHEMA_PATH, (_request: FastifyRequest, reply: FastifyReply) => {
    // Made when somebody first asks: it takes some time, and most processes are never asked.
    schema ??= JSON.stringify(frameSchema(app, version));
    void reply.type('application/schema+json; charset=utf-8').send(schema);
  });
}
