import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** Of the JetStream API: another write came first. The second one tells it of writes in the same cluster step. */
const WRONG_LAST_SEQUENCE = [10071, 10164];

export interface Entry<T> {
  readonly value: T;
  /** For compare-and-set. */
  readonly revision: number;
}

/**
 * A key-value bucket in which every change is a compare-and-set, so that of all processes one wins. Reads go to the
 * stream's leader. The bucket is there already; what is left of an entry goes by the bucket's age.
 */
export class CompareAndSetBucket<T> {
  private readonly client: JetStreamClient;
  private manager: Promise<JetStreamManager> | null = null;

  constructor(
    private readonly nats: NatsConnection,
    private readonly bucket: string,
    private readonly parse: (json: unknown) => T,
    private readonly timeoutMs: number,
  ) {
    this.client = jetstream(nats, { timeout: timeoutMs });
  }

  /** @throws when the broker does not say */
  async read(key: string): Promise<Entry<T> | null> {
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: this.timeoutMs });
    const { streams } = await this.manager;
    const stored = await streams.getMessage(`KV_${this.bucket}`, { last_by_subj: this.subjectOf(key) });
    return stored === null ? null : { value: this.parse(stored.json()), revision: stored.seq };
  }

  /**
   * Writes if the key still has this revision, 0 for none. Null when another write came first.
   * @throws when the broker does not say; it may have been written
   */
  async write(key: string, value: T, revision: number): Promise<number | null> {
    try {
      const expect = { streamName: `KV_${this.bucket}`, lastSubjectSequence: revision };
      return (await this.client.publish(this.subjectOf(key), JSON.stringify(value), { expect })).seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code)) return null;
      throw error;
    }
  }

  private subjectOf(key: string): string {
    return `$KV.${this.bucket}.${key}`;
  }
}
