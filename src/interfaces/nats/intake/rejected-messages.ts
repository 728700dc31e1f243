import { isUtf8 } from 'node:buffer';
import { JetStreamError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { type Root, rejectedSubject } from '../../../broker/direct-subjects.policy.js';
import { REJECTED_STREAM } from '../../../broker/intake-streams.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { NATS } from '../../../platform/tokens.js';
import type { RefusedError } from '../../../submission/refusal.js';
import { errorJson } from '../error.json.js';

/** Of what was sent; a megabyte of it helps nobody to find what is wrong. */
const MOST_KEPT_BYTES = 16 * 1024;
const WITHIN_MS = 5_000;

export interface Rejected {
  readonly message: Msg;
  readonly root: Root;
  readonly stream: string;
  readonly sequence: number;
  /** The id that it would have had. */
  readonly id: string;
  /** As its publisher wrote it into the header. */
  readonly headerName: string | null;
  readonly error: RefusedError;
}

export interface RejectedPage {
  readonly data: readonly unknown[];
  /** To go on with; null on the last page. */
  readonly next_after: number | null;
}

/** Tells publishers what was not taken in, and why: on `llmq.intake.rejected`, where it stays to be read for a week. */
@Injectable()
export class RejectedMessages {
  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
  ) {}

  /** Resolves when it is stored. Told again of the same message, it is stored once. @throws when the broker did not confirm */
  async tell({ message, root, stream, sequence, id, headerName, error }: Rejected): Promise<void> {
    const record = {
      rejected_at: new Date(this.sources.nowMs()).toISOString(),
      // As its publisher wrote it.
      subject: `llmq.${message.subject.slice(root.length)}`,
      ...{ message_id: id, nats_msg_id: headerName, stream, sequence },
      error: errorJson(error.refusal),
      original: originalOf(message.data),
    };
    const msgID = `${stream}.${sequence}.${id}`;
    await jetstream(this.nats, { timeout: WITHIN_MS }).publish(
      rejectedSubject(root),
      JSON.stringify(record),
      { msgID },
    );
  }

  /** The oldest first, from behind a place in the stream on. */
  async list(root: Root, after: number, limit: number): Promise<RejectedPage> {
    const { direct } = await jetstreamManager(this.nats, { checkAPI: false, timeout: WITHIN_MS });
    const data: unknown[] = [];
    let last = after;
    try {
      const options = { seq: after + 1, next_by_subj: rejectedSubject(root), batch: limit };
      for await (const stored of await direct.getBatch(REJECTED_STREAM, options)) {
        data.push(stored.json());
        last = stored.seq;
      }
    } catch (error) {
      if (!isNothingThere(error)) throw error;
    }
    return { data, next_after: data.length === limit ? last : null };
  }
}

/** What the broker answers who asks for what lies behind the last message. */
function isNothingThere(error: unknown): boolean {
  return error instanceof JetStreamError && (error as { code?: unknown }).code === 404;
}

function originalOf(data: Uint8Array): Record<string, unknown> {
  const kept = Buffer.from(data.subarray(0, MOST_KEPT_BYTES));
  const cut = data.length > MOST_KEPT_BYTES;
  // The last character may be cut in two.
  const text = isUtf8(data) ? { text: kept.toString('utf8') } : { base64: kept.toString('base64') };
  return { ...text, bytes: data.length, ...(cut ? { cut: true } : {}) };
}
