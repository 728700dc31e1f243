import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

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
  SwaggerModule.setup('api/docs', app, () => SwaggerModule.createDocument(app, document), {
    jsonDocumentUrl: 'api/docs-json',
    yamlDocumentUrl: 'api/docs-yaml',
    customSiteTitle: 'LLM Message Queue: API',
  });
}
