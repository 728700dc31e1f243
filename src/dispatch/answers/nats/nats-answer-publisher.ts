import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { chunkSubject, doneSubject } from '../../../broker/message-subjects.js';
import { NATS } from '../../../platform/tokens.js';
import type { AnswerChunk, AnswerPublisher, CompletionNotice } from '../answers.port.js';
import { encodeChunks, encodeNotice } from './answer-codec.js';
import { ChunkBuffer, GROUP_MS, piecesWanted } from './chunk-buffer.js';
import { InProcessAnswers } from './in-process-answers.js';
import { WantedPieces } from './wanted-pieces.js';

/** How many of the last notices are kept, for the time that a lost connection takes to be noticed. */
const KEPT_NOTICES = 1_000;

/**
 * Plain publishes without a reply subject: the stream `LLMQ_CHUNKS` stores the chunks, and nobody waits for its
 * acknowledgement. What is published while the connection is away can be lost; notices are therefore said again when it
 * is back, since a listener with a healthy connection of its own could not know that it missed one.
 */
@Injectable()
export class NatsAnswerPublisher implements AnswerPublisher {
  private readonly notices: CompletionNotice[] = [];
  private next = 0;
  private readonly buffer = new ChunkBuffer();
  /** One for all messages, and only while the buffer has something to do. */
  private timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(InProcessAnswers) private readonly inProcess: InProcessAnswers,
    @Inject(WantedPieces) private readonly wantedPieces: Pick<WantedPieces, 'has'>,
  ) {
    ConnectionWatch.of(nats).onUp(() => {
      for (const notice of this.notices) this.announce(notice);
    });
  }

  wanted(messageId: string, streamed: boolean): boolean {
    const listenedTo =
      !streamed && (this.inProcess.hasListener(messageId) || this.wantedPieces.has(messageId));
    return piecesWanted({ streamed, listenedTo });
  }

  chunk(messageId: string, chunk: AnswerChunk): void {
    this.send(messageId, this.buffer.add(messageId, chunk, performance.now()));
    this.timer ??= setTimeout(() => this.sendDue(), GROUP_MS);
  }

  flush(messageId: string): void {
    this.send(messageId, this.buffer.end(messageId));
  }

  completed(notice: CompletionNotice): void {
    const { messageId, sequence } = notice;
    this.flush(messageId);
    this.inProcess.completed(notice);
    const kept = { messageId, sequence };
    this.notices[this.next] = kept;
    this.next = (this.next + 1) % KEPT_NOTICES;
    this.announce(kept);
  }

  private sendDue(): void {
    for (const { messageId, chunks } of this.buffer.due(performance.now())) this.send(messageId, chunks);
    this.timer = this.buffer.isEmpty ? null : setTimeout(() => this.sendDue(), GROUP_MS);
  }

  private send(messageId: string, chunks: readonly AnswerChunk[]): void {
    if (chunks.length === 0) return;
    const subject = chunkSubject(messageId);
    for (const payload of encodeChunks(chunks)) this.publish(subject, payload);
    this.inProcess.deliver(messageId, chunks);
  }

  private announce(notice: CompletionNotice): void {
    this.publish(doneSubject(notice.messageId), encodeNotice(notice));
  }

  private publish(subject: string, payload: string): void {
    try {
      this.nats.publish(subject, payload);
    } catch {
      // The connection is closed for good, or a chunk is larger than the server takes: a listener loses pieces that the
      // answer in the log holds as well. The worker's own work must not fail over it.
    }
  }
}
