import type { NatsConnection } from '@nats-io/transport-node';
import { CONVERSATIONS_BUCKET } from '../../event-log/jetstream/buckets.js';
import { CompareAndSetBucket } from '../../platform/nats/compare-and-set-bucket.js';
import { type Claim, type ClaimKind, type Claims, claimSchema, type StoredClaim } from '../claim.port.js';

/** Claims in the bucket `llmq_conversations`, which forgets them some minutes after their last change. */
export class KvClaims implements Claims {
  private readonly bucket: CompareAndSetBucket<Claim>;

  constructor(nats: NatsConnection, timeoutMs: number) {
    const parse = (json: unknown) => claimSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, CONVERSATIONS_BUCKET, parse, timeoutMs);
  }

  async read(kind: ClaimKind, conversationId: string): Promise<StoredClaim | null> {
    const entry = await this.bucket.read(`${kind}.${conversationId}`);
    return entry && { claim: entry.value, revision: entry.revision };
  }

  write(kind: ClaimKind, conversationId: string, claim: Claim, revision: number): Promise<number | null> {
    return this.bucket.write(`${kind}.${conversationId}`, claim, revision);
  }
}
