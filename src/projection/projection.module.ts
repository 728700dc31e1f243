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
import { CONVERSATION_READER } from './read/conversation-reader.port.js';
import { DEAD_LETTER_READER } from './read/dead-letter-reader.port.js';
import { ERASURE_READER } from './read/erasure.port.js';
import { EVENT_INDEX, PostgresEventIndex } from './read/event-index.js';
import { EXPIRED_READER } from './read/expired-reader.port.js';
import { IDLE_READER } from './read/idle-reader.port.js';
import { MESSAGE_READER, PROJECTION_POSITION } from './read/message-reader.port.js';
import { PositionChannel } from './read/nats/position-channel.js';
import { PositionTracker } from './read/position-tracker.js';
import { PostgresConversationReader } from './read/postgres-conversation-reader.js';
import { PostgresDeadLetterReader } from './read/postgres-dead-letter-reader.js';
import { PostgresErasureReader } from './read/postgres-erasure-reader.js';
import { PostgresExpiredReader } from './read/postgres-expired-reader.js';
import { PostgresHeldTurns } from './read/postgres-held-turns.js';
import { PostgresIdleReader } from './read/postgres-idle-reader.js';
import { PostgresMessageReader } from './read/postgres-message-reader.js';
import { PostgresQueueFigures } from './read/postgres-queue-figures.js';
import { QUEUE_FIGURES } from './read/queue-figures.port.js';
import { readCheckpoint } from './tables/checkpoint.js';
import { databaseOf } from './tables/data-source.js';

/**
 * What any role may want of the projection: `MESSAGE_READER`, `EVENT_INDEX`, `CONVERSATION_READER`, `DEAD_LETTER_READER`, `QUEUE_FIGURES`,
 * `PROJECTION_POSITION`, and `ProjectionHealth`.
 * Global, because there is one position in a process. Leaves out everything that writes.
 */
@Global()
@Module({
  providers: [
    {
      provide: MESSAGE_READER,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresMessageReader(dataSource),
    },
    {
      provide: EVENT_INDEX,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresEventIndex(dataSource),
    },
    {
      provide: IDLE_READER,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresIdleReader(dataSource),
    },
    {
      provide: ERASURE_READER,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresErasureReader(dataSource),
    },
    {
      provide: CONVERSATION_READER,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresConversationReader(dataSource),
    },
    {
      provide: QUEUE_FIGURES,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresQueueFigures(dataSource),
    },
    {
      provide: EXPIRED_READER,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresExpiredReader(dataSource),
    },
    {
      provide: DEAD_LETTER_READER,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new PostgresDeadLetterReader(dataSource),
    },
    {
      provide: PositionTracker,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) =>
        new PositionTracker(
          async () => (await readCheckpoint(dataSource, databaseOf(dataSource).schema)).sequence,
        ),
    },
    { provide: PROJECTION_POSITION, useExisting: PositionTracker },
    PositionChannel,
    {
      provide: ProjectionHealth,
      inject: [DataSource, EVENT_LOG, SOURCES],
      useFactory: (dataSource: DataSource, log: EventLog, sources: Sources) =>
        new ProjectionHealth(dataSource, log, sources),
    },
  ],
  exports: [
    MESSAGE_READER,
    ERASURE_READER,
    DEAD_LETTER_READER,
    IDLE_READER,
    EVENT_INDEX,
    CONVERSATION_READER,
    QUEUE_FIGURES,
    EXPIRED_READER,
    PROJECTION_POSITION,
    PositionTracker,
    PositionChannel,
    ProjectionHealth,
  ],
})
export class ProjectionReaderModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(PositionTracker) private readonly tracker: PositionTracker,
    @Inject(PositionChannel) private readonly channel: PositionChannel,
  ) {}

  /** Listens first: a position announced during the first look at PostgreSQL must not be missed. */
  async onModuleInit(): Promise<void> {
    this.endListening = this.channel.listen(
      (applied, run) => this.tracker.heard(applied, run),
      () => void this.tracker.reread(),
    );
    await this.tracker.reread();
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
        PositionTracker,
        PositionChannel,
        PROJECTION_STOPS,
      ],
      useFactory: (
        log: EventLog,
        dataSource: DataSource,
        logger: Logger,
        sources: Sources,
        config: ServiceConfig,
        tracker: PositionTracker,
        channel: PositionChannel,
        stops: Subject<ProjectionStop>,
      ): ProcessProjector => {
        const announce = (applied: number, run: string) => {
          // Readers in this process need not wait for the way over the broker.
          tracker.heard(applied, run);
          channel.announce(applied, run);
        };
        const onStopped = (stop: ProjectionStop) => stops.next(stop);
        // Beside other roles it takes a third of the process's time: it gets a thread, and they get all of theirs.
        if (config.roles.size > 1) {
          return new ThreadedProjector({ config, logger, demand: tracker, announce, onStopped });
        }
        return new Projector({
          ...{ log, dataSource, logger, sources, announce, onStopped },
          maxBatch: config.projection.max_batch,
          turns: new TurnRelay({ held: new PostgresHeldTurns(dataSource), log, sources, logger }),
          linger: new Linger(LINGER_MS, tracker),
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
