import { Module } from '@nestjs/common';
import { LaneStateModule } from '../../dispatch/lanes/lane-state.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { QueueStats } from './queue-stats.js';
import { QueueStatus } from './queue-status.js';

/** The status of the lanes and the statistics of ended messages. Leaves out the routes. */
@Module({
  imports: [LaneStateModule, ProjectionReaderModule],
  providers: [QueueStatus, QueueStats],
  exports: [QueueStatus, QueueStats],
})
export class QueuesModule {}
