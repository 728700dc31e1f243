import { Global, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Subject } from 'rxjs';
import { DataSource } from 'typeorm';
import { WebhookDues } from '../broker/webhook-dues.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { NATS } from '../platform/tokens.js';
import { PROJECTION_STOPS, PROJECTOR, type ProjectionStop } from './fold/projector.port.js';
import { ConversationReader } from './read/conversation-reader.js';
import { DeadLetterReader } from './read/dead-letter-reader.js';
import { ErasureReader } from './read/erasure-reader.js';
import { EventIndex } from './read/event-index.js';
import { ExpiredReader } from './read/expired-reader.js';
import { IdleReader } from './read/idle-reader.js';
import { LanePositions } from './read/lane-positions.js';
import { LogAgreement } from './read/log-agreement.js';
import { MessageReader } from './read/message-reader.js';
import { MessageStandings } from './read/message-standings.js';
import { ChangesChannel } from './read/nats/changes-channel.js';
import { PositionChannel } from './read/nats/position-channel.js';
import { OutcomeFigures } from './read/outcome-figures.js';
import { ProjectionHealth } from './read/projection-health.js';
import { ProjectionPosition } from './read/projection-position.js';
import { QueueFigures } from './read/queue-figures.js';
import { ResultReader } from './read/result-reader.js';
import { UsageReader } from './read/usage-reader.js';
import { WaitingFiguresReader } from './read/waiting-figures.js';
import { WebhookReader } from './read/webhook-reader.js';
import { ServiceProjector } from './service-projector.js';

/** No injectable class of its own: commands use it too, and start sooner without Nest. */
const eventIndex = {
  provide: EventIndex,
  inject: [DataSource],
  useFactory: (dataSource: DataSource) => new EventIndex(dataSource),
};

const READERS = [
  MessageReader,
  ConversationReader,
  DeadLetterReader,
  ErasureReader,
  ExpiredReader,
  IdleReader,
  OutcomeFigures,
  QueueFigures,
  ResultReader,
  UsageReader,
  WaitingFiguresReader,
  WebhookReader,
  ProjectionPosition,
  PositionChannel,
  ChangesChannel,
  MessageStandings,
  LanePositions,
  LogAgreement,
  ProjectionHealth,
];

/**
 * What any role may want of the projection: its readers, its position and its health. Global, because there is one
 * position in a process. Leaves out everything that writes.
 */
@Global()
@Module({ providers: [...READERS, eventIndex], exports: [...READERS, EventIndex] })
export class ProjectionReaderModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(PositionChannel) private readonly channel: PositionChannel,
    @Inject(LogAgreement) private readonly agreement: LogAgreement,
  ) {}

  /** Listens first: a position announced during the first look at PostgreSQL must not be missed. */
  async onModuleInit(): Promise<void> {
    this.endListening = this.channel.listen(
      (applied, run) => this.position.heard(applied, run),
      () => void this.position.reread(),
    );
    await this.position.reread();
    await this.agreement.start();
  }

  onApplicationShutdown(): void {
    this.agreement.stop();
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
      provide: WebhookDues,
      inject: [NATS, SOURCES],
      useFactory: (nats, { nowMs }: Sources) => new WebhookDues(nats, nowMs),
    },
    { provide: PROJECTOR, useClass: ServiceProjector },
  ],
  exports: [PROJECTOR, PROJECTION_STOPS],
})
export class ProjectorModule {}
