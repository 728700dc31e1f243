import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import type { Lane } from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { QueueFigures } from '../../projection/read/queue-figures.js';
import { type MessageWait, messageWait, NO_WAIT } from './message-wait.policy.js';
import { waitingOf } from './queue-status.js';

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
 *
 * It is not provided by `QueuesModule`: it needs the endpoints, which a process that only projects does not have.
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
  ) {}

  async of({ id, status, priority: lane, model, scheduledAt }: WaitingMessage): Promise<MessageWait> {
    if (status !== 'pending' && status !== 'scheduled') return NO_WAIT;
    const { workers } = this;
    const [place, lags] =
      status === 'pending' ? await Promise.all([this.figures.place(id), this.lag.read()]) : [null, null];
    const lag = lags?.get(lane);
    return messageWait({
      ...{ status, lane, scheduledAt, place },
      ...{ nowMs: this.sources.nowMs(), paused: this.pauses.isPaused(lane) },
      modelBusy: workers.isBusyEverywhere(model ?? this.endpoints.defaultModel),
      freeSlots: workers.slots - workers.runningInAll,
      waiting: waitingOf(lag, workers.running(lane)),
      drainRate: lag?.drainRate ?? null,
    });
  }
}
