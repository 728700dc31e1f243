import { errors, type NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { isOnItsWay, isPassing } from '../../../broker/api-codes.js';
import { CompareAndSetBucket } from '../../../broker/compare-and-set-bucket.js';
import { IDEMPOTENCY_BUCKET } from '../../../broker/streams.js';
import { whenSettled } from '../../../broker/when-settled.js';
import { LogUnavailableError } from '../../../log/event-log.errors.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { NATS } from '../../../platform/tokens.js';
import { type Reservation, reservationSchema } from '../reservation.policy.js';

/** Of one question. A healthy broker answers in milliseconds; what a leader was asked that is gone is asked again. */
const TRY_TIMEOUT_MS = 2_000;

export interface StoredReservation {
  readonly reservation: Reservation;
  /** For compare-and-set. */
  readonly revision: number;
}

/**
 * Reservations in the bucket `llmq_idempotency`, every change by compare-and-set, so that of all processes one wins.
 * The broker takes each away by itself, some time after its last change. Where its stream has no leader for a moment, the
 * question waits for one as an append does, for as long as an append may take.
 */
@Injectable()
export class ReservationStore {
  private readonly bucket: CompareAndSetBucket<Reservation>;
  private readonly timeoutMs: number;

  constructor(@Inject(NATS) nats: NatsConnection, @Inject(SERVICE_CONFIG) config: ServiceConfig) {
    this.timeoutMs = config.nats.append_timeout_ms;
    const parse = (json: unknown) => reservationSchema.parse(json);
    this.bucket = new CompareAndSetBucket(
      nats,
      IDEMPOTENCY_BUCKET,
      parse,
      Math.min(TRY_TIMEOUT_MS, this.timeoutMs),
    );
  }

  /**
   * What the stream's leader has under the key.
   * @throws {LogUnavailableError} when the broker does not say
   */
  async read(key: string): Promise<StoredReservation | null> {
    const entry = await this.answered(() => this.bucket.read(key));
    return entry && { reservation: entry.value, revision: entry.revision };
  }

  /**
   * Writes if the key still has this revision, 0 for none. Null when another write came first.
   * @throws {LogUnavailableError} when the broker does not say; it may have been written
   */
  async write(key: string, reservation: Reservation, revision: number): Promise<number | null> {
    return this.answered(this.bucket.repeatableWrite(key, reservation, revision));
  }

  private async answered<T>(ask: () => Promise<T>): Promise<T> {
    const askedAt = performance.now();
    const passes = (error: unknown) => isPassing(error) || isOnItsWay(error);
    try {
      return await whenSettled(ask, passes, this.timeoutMs);
    } catch (error) {
      // What happens without a reservation is nothing, so this failure tells that nothing was stored.
      const afterMs = performance.now() - askedAt;
      throw new LogUnavailableError('not_stored', afterMs, reasonOf(error), 'The bucket of idempotency keys');
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.RequestError && error.isNoResponders()) return 'its stream has no leader';
  return (error as Error).message;
}
