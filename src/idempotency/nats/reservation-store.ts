import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../config/service-config.js';
import { LogUnavailableError } from '../../event-log/event-log.errors.js';
import { IDEMPOTENCY_BUCKET } from '../../event-log/jetstream/buckets.js';
import { NATS } from '../../platform/tokens.js';
import { type Reservation, reservationSchema } from '../reservation.policy.js';

const STREAM = `KV_${IDEMPOTENCY_BUCKET}`;
/** Of the JetStream API: another write came first. The second one tells it of writes in the same cluster step. */
const WRONG_LAST_SEQUENCE = [10071, 10164];

export interface StoredReservation {
  readonly reservation: Reservation;
  /** For compare-and-set. */
  readonly revision: number;
}

/**
 * Reservations in the bucket `llmq_idempotency`, every change by compare-and-set, so that of all processes one wins.
 * The broker takes each away by itself, some time after its last change.
 */
@Injectable()
export class ReservationStore {
  private readonly client: JetStreamClient;
  private readonly timeoutMs: number;
  private manager: Promise<JetStreamManager> | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
  ) {
    this.timeoutMs = config.nats.append_timeout_ms;
    this.client = jetstream(nats, { timeout: this.timeoutMs });
  }

  /**
   * What the stream's leader has under the key.
   * @throws {LogUnavailableError} when the broker does not say
   */
  async read(key: string): Promise<StoredReservation | null> {
    try {
      this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: this.timeoutMs });
      const stored = await (await this.manager).streams.getMessage(STREAM, { last_by_subj: subjectOf(key) });
      if (stored === null) return null;
      return { reservation: reservationSchema.parse(stored.json()), revision: stored.seq };
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  /**
   * Writes if the key still has this revision, 0 for none. Null when another write came first.
   * @throws {LogUnavailableError} when the broker does not say; it may have been written
   */
  async write(key: string, reservation: Reservation, revision: number): Promise<number | null> {
    try {
      const expect = { streamName: STREAM, lastSubjectSequence: revision };
      return (await this.client.publish(subjectOf(key), JSON.stringify(reservation), { expect })).seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code)) return null;
      throw this.unavailable(error);
    }
  }

  /** What happens without a reservation is nothing, so this failure tells that nothing was stored. */
  private unavailable(cause: unknown): LogUnavailableError {
    const reason = `an idempotency key could not be looked up (${(cause as Error).message})`;
    return new LogUnavailableError('not_stored', this.timeoutMs, reason);
  }
}

function subjectOf(key: string): string {
  return `$KV.${IDEMPOTENCY_BUCKET}.${key}`;
}
