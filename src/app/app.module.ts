import { type DynamicModule, Module } from '@nestjs/common';
import { ConversationUpkeepModule } from '../conversations/conversation-upkeep.module.js';
import { LaneAgingModule } from '../dispatch/aging/lane-aging.js';
import { DemoEndpointModule } from '../dispatch/endpoints/demo-endpoint.module.js';
import { ExpiryModule } from '../dispatch/expiry/expiry-sweep.js';
import { DispatcherModule } from '../dispatch/worker/dispatcher.module.js';
import { HttpModule } from '../interfaces/http/http.module.js';
import { KedaModule } from '../interfaces/keda/keda.module.js';
import { NatsIntakeModule } from '../interfaces/nats/intake/nats-intake.module.js';
import { NatsModule } from '../interfaces/nats/nats.module.js';
import { NatsResultsModule } from '../interfaces/nats/results/nats-results.module.js';
import { OpenAiModule } from '../interfaces/openai/openai.module.js';
import { ResponsesModule } from '../interfaces/responses/responses.module.js';
import { RestModule } from '../interfaces/rest/rest.module.js';
import { WebSocketModule } from '../interfaces/websocket/websocket.module.js';
import { EventLogModule } from '../log/event-log.module.js';
import { EndpointAlarmModule } from '../operations/alerts/endpoint-alarm.js';
import { LogRoomAlarmModule } from '../operations/alerts/log-room-alarm.js';
import { ProjectionAlarmModule } from '../operations/alerts/projection-alarm.js';
import { DeadLetterAlertsModule } from '../operations/dead-letters/nats/dead-letter-alerts.js';
import { WebhooksModule } from '../operations/webhooks/webhooks.module.js';
import type { Role } from '../platform/config/service-config.js';
import { ProjectionReaderModule, ProjectorModule } from '../projection/projection.module.js';
import { SchedulerModule } from '../scheduler/scheduler.module.js';
import { HealthModule } from './health/health.module.js';
import { HealthChecksModule } from './health-checks.module.js';
import { HomeModule } from './home/home.module.js';
import { PlatformModule, type PlatformParts } from './platform.module.js';
import { ServiceMetricsModule } from './service-metrics.module.js';

/** What each role adds. A process without the role has none of its consumers, routes or tables' writers. */
const MODULES_OF_ROLE = {
  api: [
    ...[RestModule, OpenAiModule, ResponsesModule, WebSocketModule, NatsModule, KedaModule],
    ...[DeadLetterAlertsModule, LogRoomAlarmModule, WebhooksModule],
  ],
  intake: [NatsIntakeModule],
  worker: [DispatcherModule, ExpiryModule, EndpointAlarmModule],
  projector: [
    ...[ConversationUpkeepModule, LaneAgingModule, ProjectorModule, ProjectionAlarmModule],
    NatsResultsModule,
  ],
  scheduler: [SchedulerModule],
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
        HomeModule,
        ServiceMetricsModule.of(parts.config.roles),
        ...[...parts.config.roles].flatMap((role) => [...MODULES_OF_ROLE[role]]),
      ],
    };
  }
}
