import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { LANES } from '../../domain/message/lane.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import {
  etaSeconds,
  type MessageWait,
  NO_WAIT,
  untilSeconds,
  type WaitState,
} from '../waiting/message-wait.policy.js';
import type { WaitingMessage } from '../waiting/message-waits.js';
import { drainRateOf, waitingIn } from '../waiting/model-backlog.js';
import { WaitNews } from '../waiting/wait-news.js';

/** Without news by then a message is told of without them. */
const NEWS_WITHIN_MS = 1_000;

/** How messages wait that are followed: the same figures as `MessageWaits` tells, for all that ask at a time by one query. */
@Injectable()
export class LiveWaits {
  private readonly asking = new Map<string, Promise<WaitState | null>>();

  constructor(
    @Inject(WaitNews) private readonly news: Pick<WaitNews, 'of'>,
    @Inject(LaneLagReader) private readonly lag: Pick<LaneLagReader, 'read'>,
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'isPaused'>,
    @Inject(EndpointRegistry) private readonly endpoints: Pick<EndpointRegistry, 'defaultModel'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'queue'>,
  ) {}

  /** Null without news of it. Never rejects. */
  async of(message: WaitingMessage): Promise<MessageWait | null> {
    const { id, status, scheduledAt } = message;
    if (status === 'scheduled') {
      const eta = untilSeconds(scheduledAt, this.sources.nowMs());
      return { position: null, etaSeconds: eta, waitingFor: 'schedule' };
    }
    if (status !== 'pending') return NO_WAIT;
    const none = sleep(NEWS_WITHIN_MS, null, { ref: false });
    const state = await Promise.race([this.newsOf(id), none]);
    if (state === null) return null;
    if (state.status !== 'pending') return NO_WAIT;
    const { position, waitingFor } = state.wait;
    const goes = waitingFor === 'slot' || waitingFor === 'endpoint';
    return {
      position,
      waitingFor,
      etaSeconds: goes && position !== null ? await this.eta(message, position) : null,
    };
  }

  /** Whoever asks again while nothing was answered waits for the same answer. */
  private newsOf(id: string): Promise<WaitState | null> {
    const before = this.asking.get(id);
    if (before !== undefined) return before;
    const asking = this.news.of(id).finally(() => this.asking.delete(id));
    this.asking.set(id, asking);
    return asking;
  }

  private async eta({ priority, model }: WaitingMessage, position: number): Promise<number | null> {
    const { defaultModel } = this.endpoints;
    const wanted = model ?? defaultModel;
    const lags = await this.lag.read();
    const higher = LANES.slice(0, LANES.indexOf(priority)).filter((lane) => !this.pauses.isPaused(lane));
    const above = waitingIn(higher, wanted, defaultModel, lags);
    const drainRate = drainRateOf(wanted, defaultModel, lags);
    const minShare = this.config.queue.levels[priority].min_share;
    return etaSeconds({ ahead: position - 1, above }, { drainRate, minShare });
  }
}
