import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { apiDescription } from '../interfaces/http/api-docs.js';
import { configSchema } from '../platform/config/config.schema.js';
import { VERSION } from '../platform/version.js';
import { AppModule } from './app.module.js';
import type { PlatformParts } from './platform.module.js';

/**
 * The OpenAPI description of a process with all roles, without starting one: Nest's preview makes no instances, so that
 * there is nothing to connect to.
 *
 * @param models classes whose schemas are wanted although no route has them
 */
export async function describedApp(models: readonly Type[] = []): Promise<OpenAPIObject> {
  const config = {
    ...configSchema.parse({}),
    dataDir: '',
    roles: new Set(['api', 'worker', 'projector', 'scheduler']),
  };
  const parts = { config, durability: { fsync: 'unknown', text: '' } } as unknown as PlatformParts;
  const app = await NestFactory.create(AppModule.of(parts, null), new FastifyAdapter(), {
    logger: ['error'],
    preview: true,
  });
  return apiDescription(app, VERSION, models);
}
