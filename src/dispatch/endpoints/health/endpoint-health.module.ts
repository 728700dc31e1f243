import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { EventLogModule } from '../../../log/event-log.module.js';
import { EndpointsModule } from '../endpoints.module.js';
import { HealthKeeper } from './health-keeper.js';

/** Part of the role `worker`: checks of endpoints, and the record of how their health changes. */
@Module({
  imports: [EndpointsModule, EventLogModule],
  providers: [HealthKeeper],
  exports: [HealthKeeper],
})
export class EndpointHealthModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(HealthKeeper) private readonly keeper: HealthKeeper) {}

  onApplicationBootstrap(): void {
    this.keeper.start();
  }

  onApplicationShutdown(): void {
    this.keeper.stop();
  }
}
