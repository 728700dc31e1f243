import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CompareAndSetBucket, type Entry } from '../../../broker/compare-and-set-bucket.js';
import { BATCHES_BUCKET } from '../../../broker/streams.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../../platform/tokens.js';
import { answeredWithin } from './stored-records.js';

/** Shorter than a lease holds, so that one answer that is lost costs none. */
const BROKER_ANSWERS_WITHIN_MS = 1_500;
const KIND = 'lease';

/**
 * Who carries a batch out: a lease by the same rules as that of the schedulers. It is there until the batch has ended and
 * its webhook was sent.
 */
export const batchLeaseSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  holder: z.string(),
  term: z.number().int().nonnegative(),
  released: z.boolean(),
  /** All that is left is a webhook, which may take a day: it takes no place of another batch. */
  telling: z.boolean().default(false),
});
export type BatchLease = z.infer<typeof batchLeaseSchema>;

/** The leases of all batches that are not done with. */
@Injectable()
export class BatchLeases {
  private readonly bucket: CompareAndSetBucket<BatchLease>;

  private readonly timeoutMs: number;

  /** @param _log is only waited for: opening it makes the bucket */
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
    @Inject(EVENT_LOG) _log?: unknown,
  ) {
    this.timeoutMs = config.nats.append_timeout_ms;
    const parse = (json: unknown) => batchLeaseSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, BATCHES_BUCKET, parse, BROKER_ANSWERS_WITHIN_MS);
  }

  /**
   * For a batch that is about to be, or to tell of its end: whoever is free may take it. May be repeated; where somebody
   * holds it, that stays so.
   *
   * @throws {LogUnavailableError}
   */
  async offer(
    { id, tenant }: Pick<BatchLease, 'id' | 'tenant'>,
    { telling } = { telling: false },
  ): Promise<void> {
    const free: BatchLease = { id, tenant, holder: '', term: 0, released: true, telling };
    await answeredWithin(this.timeoutMs, () => this.bucket.write(keyOf(id), free, 0));
  }

  /** @throws when the broker does not say */
  list(): Promise<(Entry<BatchLease> & { readonly key: string })[]> {
    return this.bucket.list(KIND);
  }

  /** Null when another write came first. @throws when the broker does not say */
  write(lease: BatchLease, revision: number): Promise<number | null> {
    return this.bucket.write(keyOf(lease.id), lease, revision);
  }

  /** Nothing is left to do for the batch. @throws when the broker does not say */
  remove(id: string): Promise<void> {
    return this.bucket.remove(keyOf(id));
  }
}

function keyOf(id: string): string {
  return `${KIND}.${id}`;
}
