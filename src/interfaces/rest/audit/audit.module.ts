import { Module } from '@nestjs/common';
import { EventLogModule } from '../../../log/event-log.module.js';
import { Timelines } from '../../../operations/timeline/timelines.js';
import { ProjectionReaderModule } from '../../../projection/projection.module.js';
import { GatewayModule } from '../../gateway.module.js';
import { HttpModule } from '../../http/http.module.js';
import { AuditEventsController } from './audit-events.controller.js';
import { TimelineController } from './timeline.controller.js';

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
