import type { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import type { Lane } from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import type { QueueFigures } from '../../projection/read/queue-figures.js';
import { type MessageWait, messageWait, NO_WAIT } from './message-wait.policy.js';
import { type LagReader, waitingOf } from './queue-status.js';

/** What is known of a message whose wait is asked for. */
export interface WaitingMessage {
  readonly id: string;
  readonly status: MessageStatus;
  readonly priority: Lane;
  readonly model: string | null;
  readonly scheduledAt: string | null;
}

/** Tells how single messages wait. Costs one query for a message in a lane, and nothing for any other. */
export class MessageWaits {
  constructor(
    private readonly lag: LagReader,
    private readonly workers: WorkerRegistry,
    private readonly pauses: { isPaused(lane: Lane): boolean },
    private readonly figures: Pick<QueueFigures, 'place'>,
    private readonly defaultModel: () => string,
    private readonly nowMs: () => number,
  ) {}

  async of({ id, status, priority: lane, model, scheduledAt }: WaitingMessage): Promise<MessageWait> {
    if (status !== 'pending' && status !== 'scheduled') return NO_WAIT;
    const { workers } = this;
    const [place, lags] =
      status === 'pending' ? await Promise.all([this.figures.place(id), this.lag.read()]) : [null, null];
    const lag = lags?.get(lane);
    return messageWait({
      ...{ status, lane, scheduledAt, place, nowMs: this.nowMs(), paused: this.pauses.isPaused(lane) },
      modelBusy: workers.isBusyEverywhere(model ?? this.defaultModel()),
      freeSlots: workers.slots - workers.runningInAll,
      waiting: waitingOf(lag, workers.running(lane)),
      drainRate: lag?.drainRate ?? null,
    });
  }
}
