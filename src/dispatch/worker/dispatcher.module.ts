import {
  type BeforeApplicationShutdown,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type Provider,
} from '@nestjs/common';
import { ClaimsModule } from '../../conversations/nats/claims.js';
import { AdminModule } from '../../log/admin/admin.module.js';
import { EventLogModule } from '../../log/event-log.module.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { AnswersModule } from '../answers/answers.module.js';
import { CancellationModule } from '../cancellations/nats/cancellations.js';
import { EndpointsModule } from '../endpoints/endpoints.module.js';
import { LaneStateModule } from '../lanes/lane-state.module.js';
import { LanesModule } from '../lanes/lanes.module.js';
import { HeldLists } from '../workers/nats/held-lists.js';
import { SharedTurns } from '../workers/nats/shared-turns.js';
import { SlotOrders } from '../workers/nats/slot-orders.js';
import { WorkerClaims } from '../workers/nats/worker-claims.js';
import { Accountant } from './accountant.js';
import { Attempts } from './attempt.js';
import { AttemptCalls } from './attempt-calls.js';
import { ConversationTurns } from './conversation-turns.js';
import { DeliverySpans } from './delivery-spans.js';
import { DurableSteps } from './durable-steps.js';
import { MessageMeasures } from './message-measures.js';
import { MessageOrder } from './message-order.js';
import { OrderedSlots } from './ordered-slots.js';
import { Places } from './places.js';
import { Preparation } from './preparation.js';
import { RedeliveryCheck } from './redelivery-check.js';
import { RunningCalls } from './running-calls.js';
import { ServedCalls } from './served-calls.js';
import { Settlement } from './settlement.js';
import { Slots } from './slots.js';
import { Standing } from './standing.js';
import { Summaries } from './summaries.js';
import { TurnedAway } from './turned-away.js';
import { Worker } from './worker.js';
import { WorkerPulse } from './worker-pulse.js';
import { WorkerStop } from './worker-stop.js';

/** The part of the shutdown's time that the worker may use; the rest is for what stops after it. */
const SHARE_OF_SHUTDOWN = 0.8;

/** One worker; what it works with comes from the modules below. */
export const WORKER_PROVIDERS: Provider[] = [
  ...[Worker, WorkerStop, Preparation, RedeliveryCheck, ConversationTurns, Summaries],
  ...[MessageOrder, SharedTurns, Attempts, AttemptCalls, Accountant, DeliverySpans],
  ...[Standing, HeldLists, WorkerClaims],
  ...[Places, RunningCalls, ServedCalls, DurableSteps, Settlement, TurnedAway],
  MessageMeasures,
  { provide: Slots, inject: [SERVICE_CONFIG], useFactory: slotsOf },
];

/**
 * The role `worker`: takes messages off the lanes, calls models, and sees each message to its next event.
 * Needs `PlatformModule` and `DemoEndpointModule` (global). Left out: how many slots there
 * should be, which the scheduler orders where there is one, and the way of held turns back into their lanes, which the projector sees first.
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
  providers: [...WORKER_PROVIDERS, WorkerPulse, SlotOrders, OrderedSlots],
  exports: [Worker],
})
export class DispatcherModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    @Inject(Worker) private readonly worker: Worker,
    @Inject(WorkerPulse) private readonly pulse: WorkerPulse,
    @Inject(OrderedSlots) private readonly ordered: OrderedSlots,
    @Inject(Standing) private readonly standing: Standing,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.worker.start();
    this.ordered.start();
    this.pulse.start();
    this.standing.start();
  }

  /** Before anything else is taken down: calls under way still need the log, the answers and the endpoints. */
  async beforeApplicationShutdown(): Promise<void> {
    this.ordered.stop();
    this.pulse.stop();
    await this.worker.stop(this.config.server.shutdown_timeout_ms * SHARE_OF_SHUTDOWN);
    this.standing.stop();
  }
}

function slotsOf({ queue: { levels, worker } }: ServiceConfig): Slots {
  const { realtime, high, normal, low } = levels;
  const minShare = {
    realtime: realtime.min_share,
    high: high.min_share,
    normal: normal.min_share,
    low: low.min_share,
  };
  const limits = {
    realtime: realtime.max_concurrent,
    high: high.max_concurrent,
    normal: normal.max_concurrent,
    low: low.max_concurrent,
  };
  const { concurrency: slots, realtime_reserve: realtimeReserve } = worker;
  return new Slots({ slots, realtimeReserve, minShare }, limits);
}
