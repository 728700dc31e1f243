import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { MAX_KEY_LENGTH } from '../../submission/idempotency/reservation.policy.js';

/**
 * `/api/docs` (Swagger UI, from the installed package: no network needed) and `/api/docs-json`, made from the code.
 * To be called after `NestFactory.create` and before `init` or `listen`.
 */
export function serveApiDocs(app: INestApplication, version: string): void {
  const document = new DocumentBuilder()
    .setTitle('LLM Message Queue')
    .setDescription('A durable message queue and gateway for large language models.')
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'Where API keys are configured' })
    .build();
  SwaggerModule.setup('api/docs', app, () => withKeys(SwaggerModule.createDocument(app, document)), {
    jsonDocumentUrl: 'api/docs-json',
    yamlDocumentUrl: 'api/docs-yaml',
    customSiteTitle: 'LLM Message Queue: API',
  });
}

/** The key is read by a hook in front of the routes, so that no controller could forget it; none of them declares it. */
function withKeys(document: OpenAPIObject): OpenAPIObject {
  for (const { post } of Object.values(document.paths)) {
    if (post !== undefined) post.parameters = [...(post.parameters ?? []), KEY];
  }
  return document;
}

const KEY = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: MAX_KEY_LENGTH },
  description:
    'One for each request, within a tenant and a route. With the same body the first response comes again ' +
    '(`idempotency-replayed: true`), with another it is `422 idempotency_key_reused`. The header `idempotency-key-ttl` ' +
    'of the answer tells how long, in seconds.',
};
