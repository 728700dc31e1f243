import type { StoredMsg } from '@nats-io/jetstream';
import type { ObjectInfo } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { isPassing } from '../../../../broker/api-codes.js';
import { ObjectBucket } from '../../../../broker/object-bucket.js';
import { FILES_BUCKET } from '../../../../broker/streams.js';
import { whenSettled } from '../../../../broker/when-settled.js';
import { LogUnavailableError } from '../../../../log/event-log.errors.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../../../platform/tokens.js';

/** Each is one write to disk, so few of them; and none that is large for the broker, which takes as much by default. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * The contents of files, as objects of JetStream's object store. They pass through: of a file on its way to the broker or
 * from it, two chunks are in memory.
 */
@Injectable()
export class FileObjects {
  private readonly timeoutMs: number;
  private readonly bucket: ObjectBucket;

  /** @param _log is only waited for: opening it makes the bucket */
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: { readonly nats: Pick<ServiceConfig['nats'], 'append_timeout_ms'> },
    @Inject(EVENT_LOG) _log?: unknown,
  ) {
    this.timeoutMs = config.nats.append_timeout_ms;
    this.bucket = new ObjectBucket(nats, FILES_BUCKET, this.timeoutMs);
  }

  /**
   * Resolves with the number of bytes when all is durable. What was there under this id is replaced; where the content
   * breaks off, nothing is left of it.
   *
   * @throws what the content throws
   * @throws {LogUnavailableError} when the broker does not take it
   */
  async put(id: string, content: AsyncIterable<Uint8Array>): Promise<number> {
    const { store } = await this.bucket.open();
    const source = new Source(content);
    try {
      const meta = { name: id, options: { max_chunk_size: CHUNK_BYTES } };
      const { size } = await store.put(meta, source.stream, { timeout: this.timeoutMs });
      return size;
    } catch (cause) {
      if (source.failure !== null) throw source.failure.error;
      source.leave();
      const reason = (cause as Error).message;
      throw new LogUnavailableError('not_stored', this.timeoutMs, reason, 'The store of files');
    }
  }

  /**
   * The content in its order. Each chunk is asked for by itself, while the one before it is read: a reader may take hours.
   *
   * @throws {FileGoneError} where the object is not there, or not whole
   * @throws {LogUnavailableError} when the broker does not say in time
   */
  async *read(id: string): AsyncIterable<Uint8Array> {
    const { store } = await this.bucket.open();
    const info = await this.answered(() => store.info(id));
    if (info === null || info.deleted) throw new FileGoneError(id);
    let next = info.chunks === 0 ? null : this.chunk(info, 1);
    for (let number = 1; next !== null; number += 1) {
      const { seq, data }: StoredMsg = await next;
      next = number < info.chunks ? this.chunk(info, seq + 1) : null;
      // A reader may leave before it.
      next?.catch(() => undefined);
      yield data;
    }
  }

  /** The first of a content from a place in the stream on. */
  private async chunk({ name, nuid }: Pick<ObjectInfo, 'name' | 'nuid'>, seq: number): Promise<StoredMsg> {
    const { manager } = await this.bucket.open();
    const query = { seq, next_by_subj: this.bucket.chunkSubject(nuid) };
    const stored =
      (await this.answered(() => manager.direct.getMessage(this.bucket.stream, query))) ??
      // Another copy of the stream may be behind; its leader is not.
      (await this.answered(() => manager.streams.getMessage(this.bucket.stream, query)));
    if (stored === null) throw new FileGoneError(name);
    return stored;
  }

  /** Takes it away without a trace; one that is not there, too. @throws {LogUnavailableError} */
  async remove(id: string): Promise<void> {
    const { store, manager } = await this.bucket.open();
    const info = await this.answered(() => store.info(id));
    if (info === null) return;
    // Its name first: what is left of the content then is nobody's, and swept.
    await this.answered(() =>
      manager.streams.purge(this.bucket.stream, { filter: this.bucket.metaSubject(id) }),
    );
    await this.answered(() =>
      manager.streams.purge(this.bucket.stream, { filter: this.bucket.chunkSubject(info.nuid) }),
    );
  }

  /**
   * Takes away what belongs to no file: contents that nobody keeps, and pieces of contents whose writer was killed.
   *
   * @param isKept whether there is a file of this id
   * @param beforeMs what was written behind it may be on its way to be a file
   * @returns how many contents
   * @throws {LogUnavailableError}
   */
  async sweep(isKept: (id: string) => boolean, beforeMs: number): Promise<number> {
    const { store, manager } = await this.bucket.open();
    const contents = this.bucket.chunkSubject('*');
    // First the pieces, then the names: what gets its name in between has one.
    const { state } = await this.answered(() =>
      manager.streams.info(this.bucket.stream, { subjects_filter: contents }),
    );
    const named = await this.answered(() => store.list());
    let swept = 0;
    for (const { name, mtime } of named) {
      if (isKept(name) || Date.parse(mtime) >= beforeMs) continue;
      await this.remove(name);
      swept += 1;
    }
    const ofNames = new Set(named.map(({ nuid }) => this.bucket.chunkSubject(nuid)));
    for (const subject of Object.keys(state.subjects ?? {})) {
      if (ofNames.has(subject)) continue;
      const last = await this.answered(() =>
        manager.streams.getMessage(this.bucket.stream, { last_by_subj: subject }),
      );
      if (last === null || last.time.getTime() >= beforeMs) continue;
      await this.answered(() => manager.streams.purge(this.bucket.stream, { filter: subject }));
      swept += 1;
    }
    return swept;
  }

  private async answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await whenSettled(ask, isPassing, this.timeoutMs);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new LogUnavailableError('not_stored', this.timeoutMs, reason, 'The store of files');
    }
  }
}

/** The content of a file is not there any more, or only a part of it. */
export class FileGoneError extends Error {
  override readonly name = 'FileGoneError';
  constructor(id: string) {
    super(`The content of the file ${id} is not in the store of files.`);
  }
}

/** A content as the client of the object store takes it, which remembers whether it was the content that failed. */
class Source {
  failure: { readonly error: unknown } | null = null;
  readonly stream: ReadableStream<Uint8Array>;

  private readonly parts: AsyncIterator<Uint8Array>;

  constructor(content: AsyncIterable<Uint8Array>) {
    const parts = content[Symbol.asyncIterator]();
    this.parts = parts;
    this.stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done, value } = await parts.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          this.failure = { error };
          controller.error(error);
        }
      },
      cancel: async () => void (await parts.return?.()),
    });
  }

  /** Nobody reads on: the client of the object store does not say so where it is the store that failed. */
  leave(): void {
    this.parts.return?.().catch(() => undefined);
  }
}
