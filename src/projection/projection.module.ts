import {
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { ALERT_RECEIVERS, type AlertReceiver } from '../alerts/alert-receivers.js';
import { AlertsModule } from '../alerts/alerts.module.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { CONVERSATION_READER } from '../conversation/conversation-reader.port.js';
import { ERASURE_READER } from '../conversation/erasure.port.js';
import { IDLE_READER } from '../conversation/idle-reader.port.js';
import { TurnRelay } from '../conversation/turn-relay.js';
import { DEAD_LETTER_READER } from '../dead-letters/dead-letter-reader.port.js';
import type { EventLog } from '../event-log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../platform/tokens.js';
import { readCheckpoint } from './checkpoint.js';
import { databaseOf } from './data-source.js';
import { EVENT_INDEX, PostgresEventIndex } from './event-index.js';
import { EXPIRED_READER } from './expired-reader.port.js';
import { LINGER_MS, Linger } from './linger.js';
import { MESSAGE_READER, PROJECTION_POSITION } from './message-reader.port.js';
import { PositionChannel } from './nats/position-channel.js';
import { PositionTracker } from './position-tracker.js';
import { PostgresConversationReader } from './postgres-conversation-reader.js';
import { PostgresDeadLetterReader } from './postgres-dead-letter-reader.js';
import { PostgresErasureReader } from './postgres-erasure-reader.js';
import { PostgresExpiredReader } from './postgres-expired-reader.js';
import { PostgresHeldTurns } from './postgres-held-turns.js';
import { PostgresIdleReader } from './postgres-idle-reader.js';
import { PostgresMessageReader } from './postgres-message-reader.js';
import { PostgresQueueFigures } from './postgres-queue-figures.js';
import { ProjectionAlarm } from './projection-alarm.js';
import { ProjectionHealth } from './projection-health.js';
import { Projector } from './projector.js';
import { PROJECTOR, type ProcessProjector, type ProjectionStop } from './projector.port.js';
import { QUEUE_FIGURES } from './queue-figures.port.js';
import { ThreadedProjector } from './thread/threaded-projector.js';

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
  imports: [ProjectionReaderModule, AlertsModule],
  providers: [
    {
      provide: ProjectionAlarm,
      inject: [ALERT_RECEIVERS, SOURCES, LOGGER],
      useFactory: (receivers: readonly AlertReceiver[], sources: Sources, logger: Logger) =>
        new ProjectionAlarm(receivers, sources, logger),
    },
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
        ProjectionAlarm,
      ],
      useFactory: (
        log: EventLog,
        dataSource: DataSource,
        logger: Logger,
        sources: Sources,
        config: ServiceConfig,
        tracker: PositionTracker,
        channel: PositionChannel,
        alarm: ProjectionAlarm,
      ): ProcessProjector => {
        const announce = (applied: number, run: string) => {
          // Readers in this process need not wait for the way over the broker.
          tracker.heard(applied, run);
          channel.announce(applied, run);
        };
        const onStopped = (stop: ProjectionStop) => alarm.raise(stop);
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
  exports: [PROJECTOR],
})
export class ProjectorModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(PROJECTOR) private readonly projector: ProcessProjector,
    @Inject(ProjectionAlarm) private readonly alarm: ProjectionAlarm,
  ) {}

  onApplicationBootstrap(): void {
    this.projector.start();
  }

  /** After everything else: workers and requests that finish during the shutdown still wait for the projection. */
  async onApplicationShutdown(): Promise<void> {
    await this.projector.stop();
    this.alarm.end();
  }
}
