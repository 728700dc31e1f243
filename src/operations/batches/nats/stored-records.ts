import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import { isOnItsWay, isPassing } from '../../../broker/api-codes.js';
import { CompareAndSetBucket, type Entry } from '../../../broker/compare-and-set-bucket.js';
import { BATCHES_BUCKET } from '../../../broker/streams.js';
import { whenSettled } from '../../../broker/when-settled.js';
import { LogUnavailableError } from '../../../log/event-log.errors.js';

/** Of one question. What a leader was asked that is gone is asked again. */
const TRY_TIMEOUT_MS = 2_000;

interface Owned {
  readonly id: string;
  readonly tenant: string;
}

/**
 * Records of one kind in the bucket `llmq_batches`, each under its tenant and its id, and changed by compare-and-set: of
 * all processes one wins. A question that a broker without a leader can't answer waits, as an append does.
 */
export class StoredRecords<T extends Owned> {
  private readonly bucket: CompareAndSetBucket<T>;

  constructor(
    nats: NatsConnection,
    private readonly kind: string,
    schema: z.ZodType<T>,
    private readonly timeoutMs: number,
  ) {
    const parse = (json: unknown) => schema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, BATCHES_BUCKET, parse, Math.min(TRY_TIMEOUT_MS, timeoutMs));
  }

  /** @throws {LogUnavailableError} when the broker does not say */
  async read(tenant: string, id: string): Promise<Entry<T> | null> {
    return isId(id) ? this.answered(() => this.bucket.read(this.keyOf({ tenant, id }))) : null;
  }

  /**
   * Writes if the record still has this revision, 0 for none. Null when another write came first.
   * @throws {LogUnavailableError} when the broker does not say; it may have been written
   */
  write(record: T, revision: number): Promise<number | null> {
    return this.answered(this.bucket.repeatableWrite(this.keyOf(record), record, revision), 'unknown');
  }

  /** The tenant's. May be a moment behind, where the broker is a cluster. @throws {LogUnavailableError} */
  async list(tenant: string): Promise<T[]> {
    const found = await this.answered(() => this.bucket.list(`${this.kind}.${tokenOf(tenant)}`));
    return found.map(({ value }) => value);
  }

  /** Every tenant's. @throws {LogUnavailableError} */
  async listAll(): Promise<T[]> {
    const found = await this.answered(() => this.bucket.list(this.kind));
    return found.map(({ value }) => value);
  }

  /** One that is not there, too. @throws {LogUnavailableError} */
  async remove(record: Owned): Promise<void> {
    await this.answered(() => this.bucket.remove(this.keyOf(record)));
  }

  private keyOf({ tenant, id }: Owned): string {
    return `${this.kind}.${tokenOf(tenant)}.${id}`;
  }

  private answered<R>(ask: () => Promise<R>, outcome?: LogUnavailableError['outcome']): Promise<R> {
    return answeredWithin(this.timeoutMs, ask, outcome);
  }
}

/**
 * Asks the bucket of batches until it answers.
 *
 * @param outcome of a write, where it does not
 * @throws {LogUnavailableError}
 */
export async function answeredWithin<R>(
  timeoutMs: number,
  ask: () => Promise<R>,
  outcome: LogUnavailableError['outcome'] = 'not_stored',
): Promise<R> {
  const askedAt = performance.now();
  const passes = (error: unknown) => isPassing(error) || isOnItsWay(error);
  try {
    return await whenSettled(ask, passes, timeoutMs);
  } catch (error) {
    const afterMs = performance.now() - askedAt;
    const reason = (error as Error).message;
    throw new LogUnavailableError(outcome, afterMs, reason, 'The bucket of batches and files');
  }
}

/** Whatever a tenant is called, it is one token of a subject. */
function tokenOf(tenant: string): string {
  return Buffer.from(tenant).toString('base64url');
}

/** Others were never given out, and some would be more than one token of a subject. */
function isId(id: string): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(id);
}
