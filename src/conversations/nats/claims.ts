import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, Module } from '@nestjs/common';
import { z } from 'zod';
import { CompareAndSetBucket } from '../../broker/compare-and-set-bucket.js';
import { CONVERSATIONS_BUCKET } from '../../broker/streams.js';
import { LogUnavailableError } from '../../log/event-log.errors.js';
import { EventLogModule } from '../../log/event-log.module.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../platform/tokens.js';

/** Who does something to a conversation that only one may do at a time, and until when nobody else may. */
const claimSchema = z.object({
  holder: z.string(),
  /** Milliseconds since 1970, by the clock of who wrote it. */
  until: z.number(),
});
export type Claim = z.infer<typeof claimSchema>;

/**
 * Whether it still counts. One that would count for longer than any is made for was written before a clock was set back,
 * by who may be long gone.
 *
 * @param longestMs of claims of its kind
 */
export function stillCounts({ until }: Claim, nowMs: number, longestMs: number): boolean {
  return until > nowMs && until - nowMs <= longestMs + CLOCKS_STRAY_MS;
}

/** What clocks of several machines may differ by. */
const CLOCKS_STRAY_MS = 30_000;

export interface StoredClaim {
  readonly claim: Claim;
  /** For compare-and-set. */
  readonly revision: number;
}

/** - `summary`: asks for a summary. - `turn`: sends a message that may only be sent while no turn is open. */
export type ClaimKind = 'summary' | 'turn';

/**
 * Claims of all processes. Every change is a compare-and-set, so that one of several processes wins. This class does not
 * wait and does not judge claims: its caller decides whether a claim still counts. They are in the bucket
 * `llmq_conversations`, which drops each some minutes after its last change.
 */
@Injectable()
export class Claims {
  private readonly bucket: CompareAndSetBucket<Claim>;
  private readonly timeoutMs: number;

  /** @param _log is only waited for: opening it makes the bucket */
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: { readonly nats: Pick<ServiceConfig['nats'], 'append_timeout_ms'> },
    @Inject(EVENT_LOG) _log?: unknown,
  ) {
    this.timeoutMs = config.nats.append_timeout_ms;
    const parse = (json: unknown) => claimSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, CONVERSATIONS_BUCKET, parse, this.timeoutMs);
  }

  /** @throws {LogUnavailableError} when the broker does not say */
  async read(kind: ClaimKind, conversationId: string): Promise<StoredClaim | null> {
    const reading = this.bucket.read(`${kind}.${conversationId}`);
    const entry = await reading.catch((error: unknown) => this.unavailable(error));
    return entry && { claim: entry.value, revision: entry.revision };
  }

  /**
   * The new revision; null when another write came first.
   * @param revision as it was read, 0 for none
   * @throws {LogUnavailableError} when the broker does not say; the claim may have been written
   */
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

/** `Claims`, for modules that need them. */
@Module({ imports: [EventLogModule], providers: [Claims], exports: [Claims] })
export class ClaimsModule {}
