import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { QueueFigures } from '../../projection/read/queue-figures.js';
import { type MessageWait, messageWait, NO_WAIT } from './message-wait.policy.js';
import { drainRateOf } from './model-backlog.js';

/** What has to be known of a message to tell how it waits. */
export interface WaitingMessage {
  readonly id: string;
  readonly status: MessageStatus;
  readonly priority: Lane;
  readonly model: string | null;
  readonly scheduledAt: string | null;
}

/**
 * Tells how single messages wait. Costs one query for a message in a lane, and nothing for any other.
 */
@Injectable()
export class MessageWaits {
  constructor(
    @Inject(LaneLagReader) private readonly lag: LaneLagReader,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(LanePauses) private readonly pauses: LanePauses,
    @Inject(QueueFigures) private readonly figures: QueueFigures,
    @Inject(EndpointRegistry) private readonly endpoints: EndpointRegistry,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'queue'>,
  ) {}

  async of({ id, status, priority: lane, model, scheduledAt }: WaitingMessage): Promise<MessageWait> {
    if (status !== 'pending' && status !== 'scheduled') return NO_WAIT;
    const { workers, pauses } = this;
    const { defaultModel } = this.endpoints;
    const wanted = model ?? defaultModel;
    const above = LANES.slice(0, LANES.indexOf(lane)).filter((higher) => !pauses.isPaused(higher));
    const [place, lags] =
      status === 'pending'
        ? await Promise.all([this.figures.place(id, { defaultModel, above }), this.lag.read()])
        : [null, null];
    return messageWait({
      ...{ status, scheduledAt, place, nowMs: this.sources.nowMs() },
      paused: pauses.isPaused(lane),
      modelBusy: workers.isBusyEverywhere(wanted),
      drainRate: lags === null ? null : drainRateOf(wanted, defaultModel, lags),
      minShare: this.config.queue.levels[lane].min_share,
    });
  }
}
