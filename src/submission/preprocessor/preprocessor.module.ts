import { Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { AdminModule } from '../../log/admin/admin.module.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { Analyser } from './analyser.js';
import { DEFAULT_RULES } from './default-rules.policy.js';
import { PreprocessorSettings } from './preprocessor-settings.js';
import { Prioritizer } from './prioritizer.js';

/**
 * What decides on a message's lane when it is accepted. Left out: the routes that change its rules, which are the
 * gateway's, and storing anything.
 */
@Module({
  imports: [AdminModule],
  providers: [
    Analyser,
    {
      provide: PreprocessorSettings,
      inject: [AdminFollower, SERVICE_CONFIG, LOGGER],
      useFactory: (follower: AdminFollower, { queue }: ServiceConfig, logger: Logger) =>
        new PreprocessorSettings(follower, queue.preprocessor.default_rules ? DEFAULT_RULES : [], logger),
    },
    {
      provide: Prioritizer,
      inject: [Analyser, PreprocessorSettings, SERVICE_CONFIG],
      useFactory: (analyser: Analyser, settings: PreprocessorSettings, { queue }: ServiceConfig) =>
        new Prioritizer(analyser, settings, {
          fallback: queue.default_priority,
          thresholds: {
            realtime: queue.preprocessor.realtime_score,
            high: queue.preprocessor.high_score,
          },
        }),
    },
  ],
  exports: [AdminModule, Prioritizer, PreprocessorSettings],
})
export class PreprocessorModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(private readonly analyser: Analyser) {}

  /** Before the port is open: the first messages would wait for the tables instead, and for the core that reads them. */
  async onApplicationBootstrap(): Promise<void> {
    // A failure shows with the first message, which loads again what could not be loaded.
    await this.analyser.load().catch(() => undefined);
  }

  onModuleDestroy(): Promise<void> {
    return this.analyser.close();
  }
}
