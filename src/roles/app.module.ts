import { type DynamicModule, Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import type { Role } from '../config/service-config.js';
import { ConversationUpkeepModule } from '../conversation/conversation-upkeep.module.js';
import { DeadLetterAlertsModule } from '../dead-letters/dead-letter-alerts.module.js';
import { DeadLettersModule } from '../dead-letters/dead-letters.module.js';
import { DispatcherModule } from '../dispatcher/dispatcher.module.js';
import { DemoEndpointModule } from '../endpoints/demo-endpoint.module.js';
import { EventLogModule } from '../event-log/event-log.module.js';
import { ExpiryModule } from '../expiry/expiry.module.js';
import { GatewayModule } from '../gateway/gateway.module.js';
import { HealthModule } from '../gateway/health/health.module.js';
import { HttpModule } from '../gateway/http/http.module.js';
import { PlatformModule, type PlatformParts } from '../platform/platform.module.js';
import { ProjectionReaderModule, ProjectorModule } from '../projection/projection.module.js';
import { QueuesApiModule } from '../queues/queues-api.module.js';
import { HealthChecksModule } from './health-checks.module.js';
import { ServiceMetricsModule } from './service-metrics.module.js';

/** What each role adds. A process without the role has none of its consumers, routes or tables' writers. */
const MODULES_OF_ROLE = {
  api: [GatewayModule, AuditModule, QueuesApiModule, DeadLettersModule, DeadLetterAlertsModule],
  worker: [DispatcherModule, ExpiryModule],
  projector: [ConversationUpkeepModule, ProjectorModule],
} as const satisfies Record<Role, readonly unknown[]>;

/**
 * One process of the service: the platform, the log, health and metrics in every role, and what its roles add.
 * Whatever runs before Nest or outlives it (embedded servers, the demo endpoint, connections) is `start-service`'s.
 */
@Module({})
export class AppModule {
  static of(parts: PlatformParts, demoUrl: string | null): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.with(parts),
        DemoEndpointModule.at(demoUrl),
        EventLogModule,
        ProjectionReaderModule,
        HealthChecksModule.of(parts.durability, parts.config.roles),
        HttpModule,
        HealthModule,
        ServiceMetricsModule.of(parts.config.roles),
        ...[...parts.config.roles].flatMap((role) => [...MODULES_OF_ROLE[role]]),
      ],
    };
  }
}
