import { type BeforeApplicationShutdown, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { CLAIMS, type Claims } from '../../conversations/claim.port.js';
import { ClaimsModule } from '../../conversations/claims.module.js';
import { AdminModule } from '../../log/admin/admin.module.js';
import { EventLogModule } from '../../log/event-log.module.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { AnswersModule } from '../answers/answers.module.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../answers/answers.port.js';
import { CancellationModule } from '../cancellations/cancellation.module.js';
import { CANCELLATIONS, type Cancellations } from '../cancellations/cancellations.port.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import { EndpointsModule } from '../endpoints/endpoints.module.js';
import { LANES_PORT, type Lanes, RETRY_SCHEDULES, type RetrySchedules } from '../lanes/lane.port.js';
import { LanePauses } from '../lanes/lane-pauses.js';
import { LaneStateModule } from '../lanes/lane-state.module.js';
import { LanesModule } from '../lanes/lanes.module.js';
import { WorkerBeats } from '../workers/nats/worker-beats.js';
import type { WorkerBeat } from '../workers/worker-beat.js';
import { assembleWorker } from './assemble-worker.js';
import { Worker, type WorkerStatus } from './worker.js';
import { WorkerPulse } from './worker-pulse.js';

/** The part of the shutdown's time that the worker may use; the rest is for what stops after it. */
const SHARE_OF_SHUTDOWN = 0.8;

/**
 * The role `worker`: takes messages off the lanes, calls models, and sees each message to its next event.
 * Needs `PlatformModule` and `DemoEndpointModule` (global). Left out: how many slots there should be, and
 * the way of held turns back into their lanes, which the projector sees first.
 */
@Module({
  imports: [
    AdminModule,
    AnswersModule,
    CancellationModule,
    ClaimsModule,
    EndpointsModule,
    EventLogModule,
    LanesModule,
    ProjectionReaderModule,
    LaneStateModule,
  ],
  providers: [
    {
      provide: Worker,
      inject: [
        SERVICE_CONFIG,
        EVENT_LOG,
        LANES_PORT,
        LanePauses,
        RETRY_SCHEDULES,
        EndpointRegistry,
        ANSWER_PUBLISHER,
        CANCELLATIONS,
        MessageReader,
        ProjectionPosition,
        ConversationReader,
        CLAIMS,
        SOURCES,
        LOGGER,
      ],
      useFactory: (
        config: ServiceConfig,
        log: EventLog,
        lanes: Lanes,
        pauses: LanePauses,
        schedules: RetrySchedules,
        registry: EndpointRegistry,
        answers: AnswerPublisher,
        cancellations: Cancellations,
        reader: MessageReader,
        position: ProjectionPosition,
        conversations: ConversationReader,
        claims: Claims,
        sources: Sources,
        logger: Logger,
      ) =>
        assembleWorker({
          ...{
            config,
            log,
            lanes,
            pauses,
            schedules,
            registry,
            answers,
            cancellations,
            reader,
            position,
            conversations,
            claims,
            sources,
            logger,
          },
        }),
    },
  ],
  exports: [Worker],
})
export class DispatcherModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly pulse: WorkerPulse;

  constructor(
    @Inject(Worker) private readonly worker: Worker,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(WorkerBeats) beats: WorkerBeats,
    @Inject(SOURCES) sources: Sources,
  ) {
    this.pulse = new WorkerPulse(sources.newId(), () => beatOf(worker.status), beats);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.worker.start();
    this.pulse.start();
  }

  /** Before anything else is taken down: calls under way still need the log, the answers and the endpoints. */
  async beforeApplicationShutdown(): Promise<void> {
    this.pulse.stop();
    await this.worker.stop(this.config.server.shutdown_timeout_ms * SHARE_OF_SHUTDOWN);
  }
}

function beatOf(status: WorkerStatus): Omit<WorkerBeat, 'worker'> {
  const { slots, runningByLane, capacity, setAside, busyModels } = status;
  return { slots, capacity, running: runningByLane, set_aside: setAside, busy_models: [...busyModels] };
}
