import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG, LOGGER } from '../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../projection/fold/projector.port.js';
import { ProjectorModule } from '../projection/projection.module.js';
import { ErasureReader } from '../projection/read/erasure-reader.js';
import { IdleReader } from '../projection/read/idle-reader.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';
import { Eraser } from './eraser.js';
import { LifeCycle } from './life-cycle.js';
import { StreamRemains } from './nats/stream-remains.js';
import { Sweeper } from './sweeper.js';

/**
 * Part of the role `projector`: idle and expired conversations, and erasures to be finished, in the one process whose
 * projector is active. Leaves out every command of clients'.
 */
@Module({
  imports: [ProjectorModule],
  providers: [
    StreamRemains,
    {
      provide: Sweeper,
      inject: [
        EVENT_LOG,
        ErasureReader,
        StreamRemains,
        IdleReader,
        ProjectionPosition,
        SOURCES,
        SERVICE_CONFIG,
        LOGGER,
        PROJECTOR,
      ],
      useFactory: (
        log: EventLog,
        erasures: ErasureReader,
        remains: StreamRemains,
        idle: IdleReader,
        position: ProjectionPosition,
        sources: Sources,
        { conversation }: ServiceConfig,
        logger: Logger,
        projector: ProcessProjector,
      ) => {
        const eraser = new Eraser({ log, reader: erasures, remains, position, sources });
        const lifeCycle = new LifeCycle({
          ...{ log, reader: idle, position, sources },
          maxIdleTimeMs: conversation.max_idle_time_ms,
          ttlMs: conversation.conversation_ttl_ms,
        });
        const leads = () => projector.health.active;
        return new Sweeper({
          ...{ leads, logger, sweeps: [eraser, lifeCycle] },
          intervalMs: conversation.sweep_interval_ms,
        });
      },
    },
  ],
})
export class ConversationUpkeepModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(Sweeper) private readonly sweeper: Sweeper) {}

  onApplicationBootstrap(): void {
    this.sweeper.start();
  }

  /** Before the projector, for which a sweep may be waiting. */
  async onModuleDestroy(): Promise<void> {
    await this.sweeper.stop();
  }
}
