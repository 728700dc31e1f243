import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { completed } from './api-description.js';

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
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key' })
    .build();
  SwaggerModule.setup('api/docs', app, () => completed(SwaggerModule.createDocument(app, document)), {
    jsonDocumentUrl: 'api/docs-json',
    yamlDocumentUrl: 'api/docs-yaml',
    customSiteTitle: 'LLM Message Queue: API',
  });
}
