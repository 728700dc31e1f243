import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Subject } from 'rxjs';
import { DataSource } from 'typeorm';
import { WebhookDues } from '../broker/webhook-dues.js';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { areSpansMade } from '../platform/telemetry/spans.js';
import { EVENT_LOG, LOGGER } from '../platform/tokens.js';
import { BATCHING_DELAY_MS, BatchingDelay } from './fold/batching-delay.js';
import { HeldTurns } from './fold/held-turns.js';
import { makeProjectionSpans } from './fold/projection-spans.js';
import { Projector } from './fold/projector.js';
import {
  PROJECTION_STOPS,
  type ProcessProjector,
  type ProjectionStop,
  type ProjectorHealth,
} from './fold/projector.port.js';
import { ThreadedProjector } from './fold/threaded-projector.js';
import { TurnRelay } from './fold/turn-relay.js';
import { WaitingWebhooks } from './fold/waiting-webhooks.js';
import { WebhookRelay } from './fold/webhook-relay.js';
import { ChangesChannel } from './read/nats/changes-channel.js';
import { PositionChannel } from './read/nats/position-channel.js';
import { ProjectionPosition } from './read/projection-position.js';
import type { Changes } from './tables/changes.js';

/**
 * The projector of this process, as long as the process runs. Where the process has no other role it works in this
 * thread. Beside other roles it would take a third of the thread's time, so it gets a thread of its own.
 */
@Injectable()
export class ServiceProjector implements ProcessProjector, OnModuleInit, OnApplicationShutdown {
  private readonly projector: ProcessProjector;
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
    @Inject(EVENT_LOG) log: EventLog,
    @Inject(DataSource) dataSource: DataSource,
    @Inject(WebhookDues) dues: WebhookDues,
    @Inject(SOURCES) sources: Sources,
    @Inject(LOGGER) logger: Logger,
    @Inject(ProjectionPosition) position: ProjectionPosition,
    @Inject(PositionChannel) channel: PositionChannel,
    @Inject(ChangesChannel) private readonly changes: ChangesChannel,
    @Inject(PROJECTION_STOPS) stops: Subject<ProjectionStop>,
  ) {
    const announce = (applied: number, run: string) => {
      // Readers in this process need not wait for the way over the broker.
      position.heard(applied, run);
      channel.announce(applied, run);
    };
    const onStopped = (stop: ProjectionStop) => stops.next(stop);
    const onChanged = (told: Changes) => changes.announce(told);
    if (config.roles.size > 1) {
      this.projector = new ThreadedProjector({
        config,
        logger,
        demand: position,
        announce,
        onChanged,
        onStopped,
      });
      return;
    }
    this.projector = new Projector({
      ...{ log, dataSource, logger, sources, announce, onChanged, onStopped },
      maxBatch: config.projection.max_batch,
      turns: new TurnRelay({ held: new HeldTurns(dataSource), log, sources, logger }),
      webhooks: new WebhookRelay({ waiting: new WaitingWebhooks(dataSource), dues, sources, logger }),
      delay: new BatchingDelay(BATCHING_DELAY_MS, position),
      onTraced: areSpansMade() ? makeProjectionSpans : undefined,
    });
  }

  get health(): ProjectorHealth {
    return this.projector.health;
  }

  start(): void {
    this.projector.start();
  }

  watch(): void {
    this.projector.watch();
  }

  stop(): Promise<void> {
    return this.projector.stop();
  }

  /** Its thread loads while the other modules start, so that the first read need not wait for it. */
  onModuleInit(): void {
    this.endListening = this.changes.onWatch(() => this.watch());
    this.start();
  }

  /** After everything else: workers and requests that finish during the shutdown still wait for the projection. */
  async onApplicationShutdown(): Promise<void> {
    this.endListening?.();
    await this.stop();
  }
}
