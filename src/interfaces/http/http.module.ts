import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallerProof } from '../../platform/security/caller-proof.js';
import { TELEMETRY, type Telemetry } from '../../platform/telemetry/telemetry.js';
import { LOGGER } from '../../platform/tokens.js';
import { admitBeforeBody } from './admission.hook.js';
import { letOriginsIn } from './cors.hook.js';
import { ErrorFilter } from './error.filter.js';
import { acceptJsonOnly } from './json-body.js';
import { KnownRoutes } from './known-routes.js';
import { refuseSecondHost } from './one-host.hook.js';
import { guardPages } from './page-headers.js';
import { tellRequestIds } from './request-id.hook.js';
import { measureRequests } from './request-measures.hook.js';
import { letStreamsThrough } from './streamed-bodies.js';
import { traceRequests } from './traced-requests.js';

/**
 * What holds for every request of a process, whatever its roles: who is admitted, which bodies are read, and how
 * failures are told. Leaves out all routes.
 */
@Module({
  providers: [CallerProof, KnownRoutes, { provide: APP_FILTER, useClass: ErrorFilter }],
  exports: [CallerProof],
})
export class HttpModule implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly proof: CallerProof,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(TELEMETRY) private readonly telemetry: Telemetry,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Nest has its routes and parsers set by now, and Fastify is not ready yet: hooks still reach every route. */
  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    traceRequests(fastify);
    tellRequestIds(fastify, this.logger);
    if (this.config.metrics.enabled) measureRequests(fastify, this.telemetry.measures);
    const { server, security } = this.config;
    letOriginsIn(fastify, server.cors_origins);
    refuseSecondHost(fastify);
    // Without keys it is known who asks: this machine's own programs.
    admitBeforeBody(fastify, this.proof, server.docs === 'public' && security.api_keys.length > 0);
    guardPages(fastify);
    acceptJsonOnly(fastify, server.max_body_fields);
    letStreamsThrough(fastify);
    fastify.server.maxConnections = server.max_connections;
  }
}
