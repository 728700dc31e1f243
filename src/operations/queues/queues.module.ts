import { Module } from '@nestjs/common';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { LaneStateModule } from '../../dispatch/lanes/lane-state.module.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { QueueFigures } from '../../projection/read/queue-figures.js';
import { QueueStats } from './queue-stats.js';
import { QueueStatus } from './queue-status.js';

/** The state of the queue as a whole, and what messages came to. Leaves out the routes. */
@Module({
  imports: [LaneStateModule, ProjectionReaderModule],
  providers: [
    {
      provide: QueueStatus,
      inject: [LaneLagReader, WorkerRegistry, LanePauses, QueueFigures, SOURCES],
      useFactory: (
        lag: LaneLagReader,
        workers: WorkerRegistry,
        pauses: LanePauses,
        figures: QueueFigures,
        sources: Sources,
      ) => new QueueStatus(lag, workers, pauses, figures, sources.nowMs),
    },
    {
      provide: QueueStats,
      inject: [QueueFigures, SOURCES],
      useFactory: (figures: QueueFigures, sources: Sources) => new QueueStats(figures, sources.nowMs),
    },
  ],
  exports: [QueueStatus, QueueStats],
})
export class QueuesModule {}
