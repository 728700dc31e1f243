import { createHash } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { ObjectBucket } from '../../broker/object-bucket.js';
import { PARTS_BUCKET } from '../../broker/streams.js';
import type { LargePart } from '../../domain/message/large-parts.policy.js';
import type { LargeParts } from '../../domain/message/message.events.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../platform/tokens.js';
import { LogUnavailableError } from '../event-log.errors.js';

/** Few writes for a picture, and none that is large for the broker. */
const CHUNK_BYTES = 512 * 1024;
const AT_ONCE = 16;

/** The object of a message's large parts, before it is stored. */
export interface PartObject {
  readonly bytes: Uint8Array;
  readonly large: LargeParts;
}

export function partObject(parts: readonly LargePart[]): PartObject {
  const texts = parts.map(({ text }) => Buffer.from(text));
  const bytes = Buffer.concat(texts);
  const sha256 = sha256Of(bytes);
  return {
    bytes,
    large: { sha256, parts: parts.map(({ at }, index) => ({ at, bytes: texts[index]!.length })) },
  };
}

/**
 * What is too large for the log: one object for each message that has something of that kind, by the message's id. It is
 * written before the message's first event, and what the event says of it is what counts (ADR 18).
 */
@Injectable()
export class PartStore {
  private readonly timeoutMs: number;
  private readonly bucket: ObjectBucket;

  /** @param _log is only waited for: opening it makes the bucket */
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: { readonly nats: Pick<ServiceConfig['nats'], 'append_timeout_ms'> },
    @Inject(EVENT_LOG) _log?: unknown,
  ) {
    this.timeoutMs = config.nats.append_timeout_ms;
    this.bucket = new ObjectBucket(nats, PARTS_BUCKET, this.timeoutMs);
  }

  /**
   * Resolves when it is durable. What was there under this id is replaced.
   * @throws {LogUnavailableError} when the broker does not say
   */
  async put(messageId: string, { bytes }: PartObject): Promise<void> {
    try {
      const { store } = await this.bucket.open();
      const meta = { name: messageId, options: { max_chunk_size: CHUNK_BYTES } };
      await store.putBlob(meta, bytes, { timeout: this.timeoutMs });
    } catch (cause) {
      const reason = `the large parts of a message could not be stored (${(cause as Error).message})`;
      throw new LogUnavailableError('not_stored', this.timeoutMs, reason);
    }
  }

  /**
   * The parts in their order; null where they are not there any more, or are not what the event says.
   * @throws when the broker does not say
   */
  async get(messageId: string, { sha256, parts }: LargeParts): Promise<string[] | null> {
    const { store, manager } = await this.bucket.open();
    const info = await store.info(messageId);
    if (info === null || info.deleted) return null;
    // The client waits for a chunk that is gone for ever.
    const chunks = this.bucket.chunkSubject(info.nuid);
    const { state } = await manager.streams.info(this.bucket.stream, { subjects_filter: chunks });
    if (state.subjects?.[chunks] !== info.chunks) return null;
    const bytes = await store.getBlob(messageId);
    if (bytes === null || sha256Of(bytes) !== sha256) return null;
    let from = 0;
    return parts.map((part) => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, part.bytes).toString('utf8');
      from += part.bytes;
      return text;
    });
  }

  /**
   * Takes away what these messages have here; most have nothing.
   * @throws when the broker does not confirm; some may be left
   */
  async remove(messageIds: readonly string[]): Promise<void> {
    const { store } = await this.bucket.open();
    for (let from = 0; from < messageIds.length; from += AT_ONCE) {
      await Promise.all(messageIds.slice(from, from + AT_ONCE).map((id) => store.delete(id)));
    }
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
