import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { LANES, type Lane } from '../../../domain/message/message.events.js';
import { laneSubject } from '../../../log/subjects.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { NATS } from '../../../platform/tokens.js';
import { drainRate, type SettledAt, withReading } from '../drain-rate.policy.js';
import { laneConsumerName } from './lane-consumers.js';

/**
 * A lane's backlog as the consumer's leader counts it, in messages: each entry of a lane is one record of the log with
 * one message, whatever positions its events have.
 */
export interface LaneLag {
  /** Messages in the lane that no worker has taken yet. */
  readonly waiting: number;
  /** Messages that workers hold, ready or running, and those handed back with a delay. */
  readonly held: number;
  /** Messages per second that recently left the lane; null until there are two readings. */
  readonly drainRate: number | null;
}

type AskListener = () => (lag: ReadonlyMap<Lane, LaneLag>) => void;

const FRESH_FOR_MS = 1_000;
const TIMEOUT_MS = 2_000;

/**
 * The lanes' lag, read from the broker at most once a second however many ask, unless they need it fresher. Where no
 * worker has ever made a lane's consumer, everything in the lane waits.
 */
@Injectable()
export class LaneLagReader {
  private manager: Promise<JetStreamManager> | null = null;
  private readonly settled = new Map<Lane, readonly SettledAt[]>();
  private readonly listeners = new Set<AskListener>();
  private latest: { at: number; answered: boolean; lag: Promise<ReadonlyMap<Lane, LaneLag>> } | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
  ) {}

  /**
   * Calls the listener just before the broker is asked: what is stored from then on, the answer may not count. What the
   * listener returns gets the answer. Returns the way to stop listening.
   */
  onAsk(listener: AskListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Never rejects; lanes that the broker did not tell of are left out. While the broker owes an answer it is not asked
   * again, whatever the age of what it was asked.
   */
  read(freshForMs: number = FRESH_FOR_MS): Promise<ReadonlyMap<Lane, LaneLag>> {
    const now = this.sources.nowMs();
    if (this.latest === null || (this.latest.answered && now - this.latest.at >= freshForMs)) {
      const told = [...this.listeners].map((asked) => asked());
      const latest = { at: now, answered: false, lag: this.ask() };
      void latest.lag.then((lag) => {
        latest.answered = true;
        for (const answered of told) answered(lag);
      });
      this.latest = latest;
    }
    return this.latest.lag;
  }

  private async ask(): Promise<ReadonlyMap<Lane, LaneLag>> {
    const asked = await Promise.allSettled(LANES.map((lane) => this.askLane(lane)));
    return new Map(asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])));
  }

  private async askLane(lane: Lane): Promise<[Lane, LaneLag]> {
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: TIMEOUT_MS });
    const manager = await this.manager;
    const info = await manager.consumers
      .info(EVENTS_STREAM, laneConsumerName(lane))
      .catch((error: unknown) => {
        if (isNoConsumer(error)) return null;
        throw error;
      });
    if (info === null) return [lane, { waiting: await everStored(manager, lane), held: 0, drainRate: null }];
    const { num_pending: waiting, num_ack_pending: held, delivered } = info;
    return [lane, { waiting, held, drainRate: this.drainRateOf(lane, delivered.consumer_seq - held) }];
  }

  /** A message that is delivered twice counts twice: the rate is what the lane's workers got done, near enough. */
  private drainRateOf(lane: Lane, settled: number): number | null {
    const readings = withReading(this.settled.get(lane) ?? [], {
      atMs: this.sources.nowMs(),
      settled: Math.max(0, settled),
    });
    this.settled.set(lane, readings);
    return drainRate(readings);
  }
}

function isNoConsumer(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound;
}

async function everStored(manager: JetStreamManager, lane: Lane): Promise<number> {
  const { state } = await manager.streams.info(EVENTS_STREAM, { subjects_filter: laneSubject(lane) });
  return Object.values(state.subjects ?? {}).reduce((sum, messages) => sum + messages, 0);
}
