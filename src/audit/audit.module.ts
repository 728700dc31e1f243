import { Module } from '@nestjs/common';
import { EventLogModule } from '../event-log/event-log.module.js';
import { GatewayModule } from '../gateway/gateway.module.js';
import { HttpModule } from '../gateway/http/http.module.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { AuditEventsController } from './rest/audit-events.controller.js';
import { TimelineController } from './rest/timeline.controller.js';
import { Timelines } from './timelines.js';

/**
 * What the log tells, over REST: timelines in words, and its events as a stream.
 *
 * Leaves out the checks of the whole log and its export to files, which are commands (`llmq`).
 */
@Module({
  imports: [HttpModule, GatewayModule, EventLogModule, ProjectionReaderModule],
  controllers: [TimelineController, AuditEventsController],
  providers: [Timelines],
})
export class AuditModule {}
