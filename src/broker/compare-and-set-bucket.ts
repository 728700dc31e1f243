import {
  JetStreamApiError,
  type JetStreamClient,
  JetStreamError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { errors, type NatsConnection, nuid } from '@nats-io/transport-node';

/** Of the JetStream API: another write came first. The second one tells it of writes in the same cluster step. */
const WRONG_LAST_SEQUENCE = [10071, 10164];

const LISTED_AT_ONCE = 500;

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
    const stored = await this.stored(key);
    return stored === null ? null : { value: this.parse(stored.json()), revision: stored.seq };
  }

  /**
   * Writes if the key still has this revision, 0 for none. Null when another write came first.
   * @throws when the broker does not say; it may have been written
   */
  async write(key: string, value: T, revision: number): Promise<number | null> {
    return this.tryToWrite(key, value, revision, {});
  }

  /**
   * A write that can be tried again where the broker did not say: a try that was stored is known for it by the next one,
   * and not taken for another's. Each try is as `write`.
   */
  repeatableWrite(key: string, value: T, revision: number): () => Promise<number | null> {
    const msgID = nuid.next();
    let tries = 0;
    return async () => {
      tries += 1;
      const written = await this.tryToWrite(key, value, revision, { msgID });
      return written ?? (tries > 1 ? await this.revisionWritten(key, msgID) : null);
    };
  }

  /**
   * All entries whose keys begin with these tokens, in the order in which they were written last. Any copy of the stream
   * answers: it may be a moment behind.
   * @throws when the broker does not say
   */
  async list(beginning: string): Promise<(Entry<T> & { readonly key: string })[]> {
    const { direct } = await this.api();
    const found: (Entry<T> & { readonly key: string })[] = [];
    const next_by_subj = `${this.subjectOf(beginning)}.>`;
    try {
      for (let seq = 1, more = true; more; ) {
        let count = 0;
        const batch = { seq, next_by_subj, batch: LISTED_AT_ONCE };
        for await (const stored of await direct.getBatch(`KV_${this.bucket}`, batch)) {
          found.push({
            key: stored.subject.slice(this.subjectOf('').length),
            ...{ value: this.parse(stored.json()), revision: stored.seq },
          });
          seq = stored.seq + 1;
          count += 1;
        }
        more = count === LISTED_AT_ONCE;
      }
    } catch (error) {
      // Nothing lies behind the last one.
      if (!isNothingThere(error)) throw withoutListener(error) ?? error;
    }
    return found;
  }

  /** Takes an entry away for good, whatever its revision; one that is not there, too. @throws when the broker does not say */
  async remove(key: string): Promise<void> {
    const { streams } = await this.api();
    await streams.purge(`KV_${this.bucket}`, { filter: this.subjectOf(key) });
  }

  private async tryToWrite(
    key: string,
    value: T,
    revision: number,
    options: { readonly msgID?: string },
  ): Promise<number | null> {
    try {
      const expect = { streamName: `KV_${this.bucket}`, lastSubjectSequence: revision };
      return (await this.client.publish(this.subjectOf(key), JSON.stringify(value), { ...options, expect }))
        .seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code)) return null;
      throw withoutListener(error) ?? error;
    }
  }

  private async revisionWritten(key: string, id: string): Promise<number | null> {
    const stored = await this.stored(key);
    return stored?.header?.get('Nats-Msg-Id') === id ? stored.seq : null;
  }

  private async stored(key: string) {
    const { streams } = await this.api();
    return streams.getMessage(`KV_${this.bucket}`, { last_by_subj: this.subjectOf(key) });
  }

  private api(): Promise<JetStreamManager> {
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: this.timeoutMs });
    return this.manager;
  }

  private subjectOf(key: string): string {
    return `$KV.${this.bucket}.${key}`;
  }
}

/** How a broker answers who asks for what lies behind the last message. */
function isNothingThere(error: unknown): boolean {
  return error instanceof JetStreamError && (error as { code?: unknown }).code === 404;
}

/** The client takes it for a server without JetStream that nobody listens on a subject. It is a stream without a leader. */
function withoutListener(error: unknown): Error | null {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof errors.RequestError && cause.isNoResponders() ? cause : null;
}
