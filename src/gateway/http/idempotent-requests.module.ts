import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../config/service-config.js';
import { Idempotency } from '../../idempotency/idempotency.js';
import { IdempotencyModule } from '../../idempotency/idempotency.module.js';
import { replayKeyedRequests } from './idempotency.hook.js';

/** `Idempotency-Key` on every POST of the process. Needs `HttpModule`, which says whose request it is. */
@Module({ imports: [IdempotencyModule], exports: [IdempotencyModule] })
export class IdempotentRequestsModule implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly idempotency: Idempotency,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    replayKeyedRequests(fastify, this.idempotency, this.config.queue.idempotency_ttl_ms);
  }
}
