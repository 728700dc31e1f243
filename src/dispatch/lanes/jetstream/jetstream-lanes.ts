import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LANES, type Lane } from '../../../domain/message/message.events.js';
import { SERVICE_CONFIG } from '../../../platform/config/service-config.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import type { LaneDelivery, Lanes } from '../lane.port.js';
import { LaneFeed } from './lane-feed.js';

/** `queue.worker`, as far as it is about taking messages off the lanes. */
export interface LanesConfig {
  readonly queue: { readonly worker: { readonly prefetch: number; readonly ack_wait_ms: number } };
}

/** A deadline is extended when a third to two thirds of it are over, so that one late round does no harm. */
const EXTENSIONS_PER_ACK_WAIT = 3;
const FLUSH_TIMEOUT_MS = 1_000;

/** The four lanes of one worker on a JetStream connection, with one timer for all ack deadlines. */
@Injectable()
export class JetStreamLanes implements Lanes {
  private feeds: Readonly<Record<Lane, LaneFeed>> | null = null;
  private extensions: NodeJS.Timeout | undefined;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) private readonly config: LanesConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async start(onReady: () => void): Promise<void> {
    const { prefetch, ack_wait_ms: ackWaitMs } = this.config.queue.worker;
    const options = { prefetch, ackWaitMs, onReady };
    const feed = (lane: Lane) => new LaneFeed(lane, this.nats, options, this.logger);
    this.feeds = {
      realtime: feed('realtime'),
      high: feed('high'),
      normal: feed('normal'),
      low: feed('low'),
    };
    await Promise.all(this.all().map((feed) => feed.start()));
    const extendEveryMs = ackWaitMs / EXTENSIONS_PER_ACK_WAIT;
    this.extensions = setInterval(() => {
      for (const feed of this.all()) feed.extendDeadlines();
    }, extendEveryMs);
  }

  ready(lane: Lane): number {
    return this.feeds === null ? 0 : this.feeds[lane].ready;
  }

  take(lane: Lane): LaneDelivery | undefined {
    return this.feeds?.[lane].take();
  }

  /** Messages that no version could read, since the start. */
  get undecodable(): number {
    return this.all().reduce((sum, feed) => sum + feed.undecodable, 0);
  }

  async stopTaking(): Promise<void> {
    await Promise.all(this.all().map((feed) => feed.stopTaking()));
  }

  async close(): Promise<void> {
    clearInterval(this.extensions);
    // Without a connection there is nobody to tell, and the broker finds out by the ack deadlines.
    const flushed = this.nats.isClosed() ? Promise.resolve() : this.nats.flush().catch(() => {});
    await Promise.race([flushed, sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false })]);
  }

  private all(): LaneFeed[] {
    const { feeds } = this;
    return feeds === null ? [] : LANES.map((lane) => feeds[lane]);
  }
}
