import { type BeforeApplicationShutdown, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { CancellationModule } from '../cancellations/nats/cancellations.js';
import { DelayScheduler } from './jetstream/delay-scheduler.js';
import { DueRelay } from './jetstream/due-relay.js';
import { JetStreamLanes } from './jetstream/jetstream-lanes.js';
import { RetrySchedules } from './jetstream/retry-schedules.js';
import { MoverParts, UnroutedMover } from './jetstream/unrouted-mover.js';
import { LANES_PORT } from './lane.port.js';

/**
 * The lanes as a worker reads them, the schedules of delays and retries with the relay that puts due messages into their
 * lanes, and the mover of what an earlier version left in its lanes.
 * Needs `PlatformModule` (global). Left out: when to take from which lane (the dispatcher's worker starts and stops the
 * reading), and the lag of lanes.
 */
@Module({
  imports: [EventLogModule, CancellationModule, ProjectionReaderModule],
  providers: [
    { provide: LANES_PORT, useClass: JetStreamLanes },
    ...[RetrySchedules, DueRelay, DelayScheduler, UnroutedMover, MoverParts],
  ],
  exports: [LANES_PORT, RetrySchedules],
})
export class LanesModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    @Inject(DueRelay) private readonly relay: DueRelay,
    @Inject(DelayScheduler) private readonly delays: DelayScheduler,
    @Inject(UnroutedMover) private readonly mover: UnroutedMover,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.relay.start();
    await this.delays.start();
    await this.mover.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.mover.stop();
    await this.delays.stop();
    await this.relay.stop();
  }
}
