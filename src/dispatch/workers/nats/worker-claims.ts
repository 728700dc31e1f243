import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CompareAndSetBucket } from '../../../broker/compare-and-set-bucket.js';
import { CONVERSATIONS_BUCKET } from '../../../broker/streams.js';
import { EVENT_LOG, NATS } from '../../../platform/tokens.js';

const claimSchema = z.object({ holder: z.string().min(1) });
const TIMEOUT_MS = 2_000;

/**
 * Who may dispose of what a worker held that fell silent: itself or one of the others, for good. In the bucket of the
 * claims on conversations, which drops each some minutes later: a bucket more is work for every server of a cluster.
 */
@Injectable()
export class WorkerClaims {
  private readonly bucket: CompareAndSetBucket<z.infer<typeof claimSchema>>;

  /** @param _log is only waited for: opening it makes the bucket */
  constructor(@Inject(NATS) nats: NatsConnection, @Inject(EVENT_LOG) _log?: unknown) {
    const parse = (json: unknown) => claimSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, CONVERSATIONS_BUCKET, parse, TIMEOUT_MS);
  }

  /**
   * Claims what the worker held, where nobody has. Resolves with who may dispose of it.
   * @throws when the broker does not say; the claim may have been made
   */
  async claim(worker: string, holder: string): Promise<string> {
    const key = `worker.${worker}`;
    if ((await this.bucket.write(key, { holder }, 0)) !== null) return holder;
    const made = await this.bucket.read(key);
    if (made === null) throw new Error('the claim on a worker is there and can not be read');
    return made.value.holder;
  }
}
