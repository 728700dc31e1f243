import { Module } from '@nestjs/common';
import { EndpointsModule } from '../../dispatch/endpoints/endpoints.module.js';
import { AdminModule } from '../../log/admin/admin.module.js';
import { EventLogModule } from '../../log/event-log.module.js';
import { BatchesModule } from '../../operations/batches/batches.module.js';
import { DeadLetters } from '../../operations/dead-letters/dead-letters.js';
import { EndpointsAdminModule } from '../../operations/endpoints/endpoints-admin.module.js';
import { QueuesModule } from '../../operations/queues/queues.module.js';
import { ReportModule } from '../../operations/report/report.module.js';
import { Timelines } from '../../operations/timeline/timelines.js';
import { WebhooksModule } from '../../operations/webhooks/webhooks.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { SchedulerStateModule } from '../../scheduler/scheduler-state.module.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { HttpModule } from '../http/http.module.js';
import { IdempotentRequestsModule } from '../http/idempotent-requests.module.js';
import { AdminPreprocessorRulesController } from './admin-preprocessor-rules.controller.js';
import { AdminPreprocessorUsersController } from './admin-preprocessor-users.controller.js';
import { AuditEventsController } from './audit/audit-events.controller.js';
import { TimelineController } from './audit/timeline.controller.js';
import { BatchesController } from './batches/batches.controller.js';
import { ConfigController } from './config/config.controller.js';
import { ConversationMessagesController } from './conversations/conversation-messages.controller.js';
import { ConversationsController } from './conversations/conversations.controller.js';
import { UserConversationsController } from './conversations/user-conversations.controller.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { EndpointsController } from './endpoints/endpoints.controller.js';
import { ResourcesController } from './endpoints/resources.controller.js';
import { LiveStreamsController } from './live/live-streams.controller.js';
import { LiveStreams } from './live/live-streams.js';
import { MessageBatchController } from './message-batch.controller.js';
import { MessagesController } from './messages.controller.js';
import { QueuesController } from './queues/queues.controller.js';
import { QueuesAdminController } from './queues/queues-admin.controller.js';
import { ReportController } from './report/report.controller.js';
import { SchedulerController } from './scheduler/scheduler.controller.js';
import { UsageController } from './usage/usage.controller.js';
import { WebhookDeliveriesController } from './webhooks/webhook-deliveries.controller.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';

/**
 * REST under `/api/v1`: messages and conversations, the queue as a whole, and what admins see and do.
 *
 * Leaves out health and metrics, which every role has, and what is a command (`llmq`): checks of the whole log, its
 * export to files, and replay.
 */
@Module({
  imports: [
    HttpModule,
    IdempotentRequestsModule,
    SubmissionModule,
    AdminModule,
    EndpointsModule,
    EventLogModule,
    ProjectionReaderModule,
    QueuesModule,
    EndpointsAdminModule,
    SchedulerStateModule,
    WebhooksModule,
    ReportModule,
    BatchesModule,
  ],
  controllers: [
    ConversationMessagesController,
    ConversationsController,
    UserConversationsController,
    MessageBatchController,
    BatchesController,
    MessagesController,
    LiveStreamsController,
    TimelineController,
    AuditEventsController,
    ConfigController,
    QueuesController,
    QueuesAdminController,
    UsageController,
    DeadLettersController,
    EndpointsController,
    ResourcesController,
    ReportController,
    SchedulerController,
    AdminPreprocessorRulesController,
    AdminPreprocessorUsersController,
    WebhookDeliveriesController,
    WebhooksController,
  ],
  providers: [DeadLetters, Timelines, LiveStreams],
})
export class RestModule {}
