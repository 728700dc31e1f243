import { type BeforeApplicationShutdown, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { EventLogModule } from '../event-log/event-log.module.js';
import { DueRelay } from './jetstream/due-relay.js';
import { jetStreamLaneProviders } from './jetstream/lane-providers.js';
import { LANES_PORT, RETRY_SCHEDULES } from './lane.port.js';

/**
 * The lanes as a worker reads them, and the schedules of retries with the relay that puts due messages back.
 * Needs `PlatformModule` (global). Left out: when to take from which lane (the dispatcher's worker starts and stops the
 * reading), and the lag of lanes.
 */
@Module({
  imports: [EventLogModule],
  providers: jetStreamLaneProviders,
  exports: [LANES_PORT, RETRY_SCHEDULES],
})
export class LanesModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(DueRelay) private readonly relay: DueRelay) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.relay.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.relay.stop();
  }
}
