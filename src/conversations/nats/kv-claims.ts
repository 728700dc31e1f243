import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { CompareAndSetBucket } from '../../broker/compare-and-set-bucket.js';
import { CONVERSATIONS_BUCKET } from '../../broker/streams.js';
import { LogUnavailableError } from '../../log/event-log.errors.js';
import { SERVICE_CONFIG } from '../../platform/config/service-config.js';
import { NATS } from '../../platform/tokens.js';
import { type Claim, type ClaimKind, type Claims, claimSchema, type StoredClaim } from '../claim.port.js';

/** Claims in the bucket `llmq_conversations`, which forgets them some minutes after their last change. */
@Injectable()
export class KvClaims implements Claims {
  private readonly bucket: CompareAndSetBucket<Claim>;

  private readonly timeoutMs: number;

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: { readonly nats: { readonly append_timeout_ms: number } },
  ) {
    this.timeoutMs = config.nats.append_timeout_ms;
    const parse = (json: unknown) => claimSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, CONVERSATIONS_BUCKET, parse, this.timeoutMs);
  }

  async read(kind: ClaimKind, conversationId: string): Promise<StoredClaim | null> {
    const reading = this.bucket.read(`${kind}.${conversationId}`);
    const entry = await reading.catch((error: unknown) => this.unavailable(error));
    return entry && { claim: entry.value, revision: entry.revision };
  }

  async write(
    kind: ClaimKind,
    conversationId: string,
    claim: Claim,
    revision: number,
  ): Promise<number | null> {
    const writing = this.bucket.write(`${kind}.${conversationId}`, claim, revision);
    return writing.catch((error: unknown) => this.unavailable(error));
  }

  /** What a claim is for does not happen without it. */
  private unavailable(cause: unknown): never {
    const reason = `a claim on a conversation could not be made (${(cause as Error).message})`;
    throw new LogUnavailableError('not_stored', this.timeoutMs, reason);
  }
}
