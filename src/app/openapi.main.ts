import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { apiDescription } from '../interfaces/http/api-docs.js';
import { configSchema } from '../platform/config/config.schema.js';
import { VERSION } from '../platform/version.js';
import { AppModule } from './app.module.js';
import type { PlatformParts } from './platform.module.js';

/**
 * Prints the OpenAPI description of a process with all roles, without starting one: Nest's preview makes no instances,
 * so that there is nothing to connect to.
 */
const config = { ...configSchema.parse({}), dataDir: '', roles: new Set(['api', 'worker', 'projector']) };
const parts = { config, durability: { fsync: 'unknown', text: '' } } as unknown as PlatformParts;
const app = await NestFactory.create(AppModule.of(parts, null), new FastifyAdapter(), {
  logger: ['error'],
  preview: true,
});
process.stdout.write(`${JSON.stringify(apiDescription(app, VERSION), null, 2)}\n`);
