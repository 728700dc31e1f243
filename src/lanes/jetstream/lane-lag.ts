import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { EVENTS_STREAM } from '../../event-log/jetstream/streams.js';
import { LANES, type Lane } from '../../message/message.events.js';
import { laneConsumerName } from './lane-consumers.js';

/** A lane's backlog as the consumer's leader counts it. */
export interface LaneLag {
  /** Messages in the lane that no worker has taken yet. */
  readonly waiting: number;
  /** Messages that workers hold, ready or running, and those handed back with a delay. */
  readonly held: number;
}

const FRESH_FOR_MS = 1_000;
const TIMEOUT_MS = 2_000;

/**
 * The lanes' lag, read from the broker at most once a second however many ask. A lane whose consumer does not exist yet
 * has no lag: it is left out, since "no consumer" must not look like "no backlog".
 */
export class LaneLagReader {
  private manager: Promise<JetStreamManager> | null = null;
  private latest: { at: number; lag: Promise<ReadonlyMap<Lane, LaneLag>> } | null = null;

  constructor(
    private readonly nats: NatsConnection,
    private readonly nowMs: () => number,
  ) {}

  /** Never rejects; lanes that the broker did not tell of are left out. */
  read(): Promise<ReadonlyMap<Lane, LaneLag>> {
    const now = this.nowMs();
    if (this.latest === null || now - this.latest.at >= FRESH_FOR_MS) {
      this.latest = { at: now, lag: this.ask() };
    }
    return this.latest.lag;
  }

  private async ask(): Promise<ReadonlyMap<Lane, LaneLag>> {
    const asked = await Promise.allSettled(LANES.map((lane) => this.askLane(lane)));
    return new Map(asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])));
  }

  private async askLane(lane: Lane): Promise<[Lane, LaneLag]> {
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: TIMEOUT_MS });
    const { consumers } = await this.manager;
    const info = await consumers.info(EVENTS_STREAM, laneConsumerName(lane));
    return [lane, { waiting: info.num_pending, held: info.num_ack_pending }];
  }
}
