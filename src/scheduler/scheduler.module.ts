import {
  type BeforeApplicationShutdown,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type Provider,
} from '@nestjs/common';
import { LaneStateModule } from '../dispatch/lanes/lane-state.module.js';
import { SlotOrders } from '../dispatch/workers/nats/slot-orders.js';
import { AdminModule } from '../log/admin/admin.module.js';
import { EventLogModule } from '../log/event-log.module.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { Actuators } from './actuators/actuators.js';
import { HeardOrders } from './actuators/nats/heard-orders.js';
import { SchedulerLease } from './leader/nats/scheduler-lease.js';
import { KnownModels } from './readings/known-models.js';
import { LaneReader } from './readings/lane-reader.js';
import { ACTUATOR, Scheduler } from './scheduler.js';
import { SchedulerMetrics } from './scheduler-metrics.js';
import { SchedulerStateModule } from './scheduler-state.module.js';

/** One scheduler; what it works with comes from the modules below. */
export const SCHEDULER_PROVIDERS: Provider[] = [
  ...[Scheduler, SchedulerLease, LaneReader, KnownModels, SlotOrders, HeardOrders, Actuators],
  { provide: ACTUATOR, inject: [Actuators], useFactory: (actuators: Actuators) => actuators.configured() },
];

/**
 * The role `scheduler`: of all processes with the role one leads, reads the lag of the lanes, decides how many slots there
 * shall be, and has the actuator order them. Left out: what the decisions and readings look like to others
 * (`SchedulerStateModule`), and carrying an order out in a worker.
 */
@Module({
  imports: [AdminModule, EventLogModule, LaneStateModule, ProjectionReaderModule, SchedulerStateModule],
  providers: [...SCHEDULER_PROVIDERS, SchedulerMetrics],
})
export class SchedulerModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    @Inject(Scheduler) private readonly scheduler: Scheduler,
    @Inject(SchedulerMetrics) private readonly metrics: SchedulerMetrics,
  ) {}

  onApplicationBootstrap(): void {
    this.metrics.start();
    this.scheduler.start();
  }

  /** Before the connections go: the lease is given back, so that another process leads at once. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.scheduler.stop();
  }
}
