import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { EventLogModule } from '../event-log.module.js';
import { AdminChanges } from './admin-changes.js';
import { AdminFollower } from './admin-follower.js';

/** Reading takes milliseconds; a log that does not hand out its events for this long is broken. */
const CATCH_UP_MS = 30_000;

/**
 * What admins change, written to the log and followed from it. Import it, and give folds to the `AdminFollower` in a
 * provider's constructor or `onModuleInit`; by the time that the importing module's `onApplicationBootstrap` runs, and
 * before the process listens, they hold what the log held. Left out: what is made of the events.
 */
@Module({
  imports: [EventLogModule],
  providers: [AdminFollower, AdminChanges],
  exports: [AdminFollower, AdminChanges],
})
export class AdminModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(AdminFollower) private readonly follower: AdminFollower) {}

  /** @throws {Error} when the log does not hand out its events, so that nothing is decided without them */
  async onApplicationBootstrap(): Promise<void> {
    if (await this.follower.start(CATCH_UP_MS)) return;
    throw new Error(`What admins changed could not be read from the event log within ${CATCH_UP_MS} ms.`);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.follower.stop();
  }
}
