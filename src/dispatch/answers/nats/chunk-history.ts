import { type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { CHUNKS_STREAM } from '../../../broker/streams.js';
import { Turns } from '../../../platform/turns.js';
import type { AnswerChunk } from '../answers.port.js';
import { decodeChunks } from './answer-codec.js';

const BATCH = 500;
const READ_TIMEOUT_MS = 5_000;
/** A connection that comes back makes all listeners of the process look, and they may be thousands. */
const MOST_AT_ONCE = 32;

/** Reads chunks that were published before, out of the stream that captures them. */
export class ChunkHistory {
  private manager: Promise<JetStreamManager> | null = null;
  private readonly turns = new Turns(MOST_AT_ONCE);

  constructor(private readonly nats: NatsConnection) {}

  /**
   * What the stream still holds of one subject, oldest first. Where others read, it waits for its turn.
   *
   * @param isWanted asked when its turn has come; nothing is read for whoever has left
   * @throws {Error} when the server does not answer in time, or there is no such stream
   */
  read(subject: string, isWanted: () => boolean = () => true): Promise<AnswerChunk[]> {
    return this.turns.take(async () => (isWanted() ? this.readAll(subject) : []));
  }

  private async readAll(subject: string): Promise<AnswerChunk[]> {
    const chunks: AnswerChunk[] = [];
    for (let from = 1; ; ) {
      const batch = await this.readBatch(subject, from);
      for (const { data } of batch) chunks.push(...decodeChunks(data));
      if (batch.length < BATCH) return chunks;
      from = batch.at(-1)!.seq + 1;
    }
  }

  /** With a callback, since only then the client ends the subscription under the batch together with it. */
  private async readBatch(subject: string, from: number): Promise<StoredMsg[]> {
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false });
    const { direct } = await this.manager;
    return new Promise((resolve, reject) => {
      const batch: StoredMsg[] = [];
      const options = { seq: from, next_by_subj: subject, batch: BATCH };
      const reading = direct.getBatch(CHUNKS_STREAM, {
        ...options,
        callback: (done, message) => {
          if (done === null) return void batch.push(message);
          clearTimeout(timer);
          if (done.err === undefined) resolve(batch);
          else reject(done.err);
        },
      });
      const timer = setTimeout(() => {
        void reading.then((iterator) => iterator.stop());
        reject(new Error(`No answer from stream ${CHUNKS_STREAM} within ${READ_TIMEOUT_MS} ms.`));
      }, READ_TIMEOUT_MS);
      reading.catch(reject);
    });
  }
}
