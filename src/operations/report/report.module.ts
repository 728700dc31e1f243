import { Module } from '@nestjs/common';
import { LaneStateModule } from '../../dispatch/lanes/lane-state.module.js';
import { EventLogModule } from '../../log/event-log.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { SchedulerStateModule } from '../../scheduler/scheduler-state.module.js';
import { EndpointsAdminModule } from '../endpoints/endpoints-admin.module.js';
import { ReportReadings } from './report-readings.js';
import { Reports } from './reports.js';

/** Whether work starts, ends well and is seen as it is, by what other parts know already. Measures nothing of its own. */
@Module({
  imports: [
    EventLogModule,
    LaneStateModule,
    ProjectionReaderModule,
    EndpointsAdminModule,
    SchedulerStateModule,
  ],
  providers: [ReportReadings, Reports],
  exports: [Reports],
})
export class ReportModule {}
