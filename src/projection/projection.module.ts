import {
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { Subject } from 'rxjs';
import { DataSource } from 'typeorm';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG, LOGGER } from '../platform/tokens.js';
import { LINGER_MS, Linger } from './fold/linger.js';
import { ProjectionHealth } from './fold/projection-health.js';
import { Projector } from './fold/projector.js';
import {
  PROJECTION_STOPS,
  PROJECTOR,
  type ProcessProjector,
  type ProjectionStop,
} from './fold/projector.port.js';
import { ThreadedProjector } from './fold/thread/threaded-projector.js';
import { TurnRelay } from './fold/turn-relay.js';
import { ConversationReader } from './read/conversation-reader.js';
import { DeadLetterReader } from './read/dead-letter-reader.js';
import { ErasureReader } from './read/erasure-reader.js';
import { EventIndex } from './read/event-index.js';
import { ExpiredReader } from './read/expired-reader.js';
import { HeldTurns } from './read/held-turns.js';
import { IdleReader } from './read/idle-reader.js';
import { MessageReader } from './read/message-reader.js';
import { PositionChannel } from './read/nats/position-channel.js';
import { ProjectionPosition } from './read/projection-position.js';
import { QueueFigures } from './read/queue-figures.js';
import { readCheckpoint } from './tables/checkpoint.js';
import { databaseOf } from './tables/data-source.js';

/** The readers of the tables, each of which needs no more than the data source. */
const READERS = [
  MessageReader,
  ConversationReader,
  DeadLetterReader,
  ErasureReader,
  EventIndex,
  ExpiredReader,
  IdleReader,
  QueueFigures,
];

/**
 * What any role may want of the projection: its readers, `ProjectionPosition`, and `ProjectionHealth`.
 * Global, because there is one position in a process. Leaves out everything that writes.
 */
@Global()
@Module({
  providers: [
    ...READERS,
    {
      provide: ProjectionPosition,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) =>
        new ProjectionPosition(
          async () => (await readCheckpoint(dataSource, databaseOf(dataSource).schema)).sequence,
        ),
    },
    PositionChannel,
    ProjectionHealth,
  ],
  exports: [...READERS, ProjectionPosition, PositionChannel, ProjectionHealth],
})
export class ProjectionReaderModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(PositionChannel) private readonly channel: PositionChannel,
  ) {}

  /** Listens first: a position announced during the first look at PostgreSQL must not be missed. */
  async onModuleInit(): Promise<void> {
    this.endListening = this.channel.listen(
      (applied, run) => this.position.heard(applied, run),
      () => void this.position.reread(),
    );
    await this.position.reread();
  }

  onApplicationShutdown(): void {
    this.endListening?.();
  }
}

/**
 * The role `projector`: `PROJECTOR`, running. Leaves out the rebuild, which is a command of its own, and migrations,
 * which run when the database is opened, in every role.
 */
@Module({
  imports: [ProjectionReaderModule],
  providers: [
    { provide: PROJECTION_STOPS, useFactory: () => new Subject<ProjectionStop>() },
    {
      provide: PROJECTOR,
      inject: [
        EVENT_LOG,
        DataSource,
        LOGGER,
        SOURCES,
        SERVICE_CONFIG,
        ProjectionPosition,
        PositionChannel,
        PROJECTION_STOPS,
      ],
      useFactory: (
        log: EventLog,
        dataSource: DataSource,
        logger: Logger,
        sources: Sources,
        config: ServiceConfig,
        position: ProjectionPosition,
        channel: PositionChannel,
        stops: Subject<ProjectionStop>,
      ): ProcessProjector => {
        const announce = (applied: number, run: string) => {
          // Readers in this process need not wait for the way over the broker.
          position.heard(applied, run);
          channel.announce(applied, run);
        };
        const onStopped = (stop: ProjectionStop) => stops.next(stop);
        // Beside other roles it takes a third of the process's time: it gets a thread, and they get all of theirs.
        if (config.roles.size > 1) {
          return new ThreadedProjector({ config, logger, demand: position, announce, onStopped });
        }
        return new Projector({
          ...{ log, dataSource, logger, sources, announce, onStopped },
          maxBatch: config.projection.max_batch,
          turns: new TurnRelay({ held: new HeldTurns(dataSource), log, sources, logger }),
          linger: new Linger(LINGER_MS, position),
        });
      },
    },
  ],
  exports: [PROJECTOR, PROJECTION_STOPS],
})
export class ProjectorModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(PROJECTOR) private readonly projector: ProcessProjector) {}

  onApplicationBootstrap(): void {
    this.projector.start();
  }

  /** After everything else: workers and requests that finish during the shutdown still wait for the projection. */
  async onApplicationShutdown(): Promise<void> {
    await this.projector.stop();
  }
}
