import type { INestApplication, Type } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { completed } from './api-description.js';
import { API_TAGS } from './api-tags.js';

/**
 * `/api/docs` (Swagger UI, from the installed package: no network needed) and `/api/docs-json`, made from the code.
 * To be called after `NestFactory.create` and before `init` or `listen`.
 */
export function serveApiDocs(app: INestApplication, version: string): void {
  SwaggerModule.setup('api/docs', app, () => apiDescription(app, version), {
    jsonDocumentUrl: 'api/docs-json',
    yamlDocumentUrl: 'api/docs-yaml',
    customSiteTitle: 'LLM Message Queue: API',
  });
}

/**
 * The description of the routes that the application has. It needs their classes alone, no part of a running service.
 *
 * @param models further classes that it describes
 */
export function apiDescription(
  app: INestApplication,
  version: string,
  models: readonly Type[] = [],
): OpenAPIObject {
  const builder = new DocumentBuilder()
    // Its nulls are those of JSON Schema, so that answers can be held against it as it is.
    .setOpenAPIVersion('3.1.0')
    .setTitle('LLM Message Queue')
    .setDescription('A durable message queue and gateway for large language models.')
    .setVersion(version)
    .addServer('/', 'The service that this description was read from')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'Where API keys are configured' })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key' });
  for (const { name, description } of API_TAGS) builder.addTag(name, description);
  const options = { operationIdFactory: operationId, extraModels: [...models] };
  return completed(SwaggerModule.createDocument(app, builder.build(), options));
}

/** For a route that says none itself: of `StatusController.read`, `readStatus`. */
function operationId(controller: string, handler: string): string {
  return `${handler}${controller.replace(/Controller$/, '')}`;
}
