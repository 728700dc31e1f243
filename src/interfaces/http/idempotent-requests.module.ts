import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { EventLogModule } from '../../log/event-log.module.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { madeAt } from '../../submission/conversations/conversations.js';
import { Idempotency } from '../../submission/idempotency/idempotency.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { conversationJson } from '../rest/conversations/conversation.dto.js';
import { replayKeyedRequests } from './idempotency.hook.js';

/** `Idempotency-Key` on every POST of the process. Needs `HttpModule`, which says whose request it is. */
@Module({ imports: [SubmissionModule, EventLogModule, ProjectionReaderModule] })
export class IdempotentRequestsModule implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly idempotency: Idempotency,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(MessageReader) private readonly messages: MessageReader,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    const { idempotency, log, messages, config } = this;
    replayKeyedRequests(fastify, {
      ...{ idempotency, ttlMs: config.queue.idempotency_ttl_ms },
      retell: async (sequence) => {
        const made = await madeAt(log, sequence);
        return made === null ? null : JSON.stringify(conversationJson(made.conversation));
      },
      // The key's promise holds while PostgreSQL is away: then the response goes out as it was.
      isErased: (messageId) => messages.isErased(messageId).catch(() => false),
    });
  }
}
