import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { CompareAndSetBucket } from '../../../broker/compare-and-set-bucket.js';
import { IDEMPOTENCY_BUCKET } from '../../../broker/streams.js';
import { LogUnavailableError } from '../../../log/event-log.errors.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { NATS } from '../../../platform/tokens.js';
import { type Reservation, reservationSchema } from '../reservation.policy.js';

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
  private readonly bucket: CompareAndSetBucket<Reservation>;
  private readonly timeoutMs: number;

  constructor(@Inject(NATS) nats: NatsConnection, @Inject(SERVICE_CONFIG) config: ServiceConfig) {
    this.timeoutMs = config.nats.append_timeout_ms;
    const parse = (json: unknown) => reservationSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, IDEMPOTENCY_BUCKET, parse, this.timeoutMs);
  }

  /**
   * What the stream's leader has under the key.
   * @throws {LogUnavailableError} when the broker does not say
   */
  async read(key: string): Promise<StoredReservation | null> {
    const entry = await this.bucket.read(key).catch((error: unknown) => this.unavailable(error));
    return entry && { reservation: entry.value, revision: entry.revision };
  }

  /**
   * Writes if the key still has this revision, 0 for none. Null when another write came first.
   * @throws {LogUnavailableError} when the broker does not say; it may have been written
   */
  async write(key: string, reservation: Reservation, revision: number): Promise<number | null> {
    return this.bucket.write(key, reservation, revision).catch((error: unknown) => this.unavailable(error));
  }

  /** What happens without a reservation is nothing, so this failure tells that nothing was stored. */
  private unavailable(cause: unknown): never {
    const reason = `an idempotency key could not be looked up (${(cause as Error).message})`;
    throw new LogUnavailableError('not_stored', this.timeoutMs, reason);
  }
}
