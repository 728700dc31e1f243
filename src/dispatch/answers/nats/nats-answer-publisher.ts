import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { chunkSubject, doneSubject } from '../../../broker/answer-subjects.js';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { NATS } from '../../../platform/tokens.js';
import type { AnswerChunk, AnswerPublisher, CompletionNotice } from '../answers.port.js';
import { encodeChunk, encodeNotice } from './answer-codec.js';
import { ChunkShortcut } from './chunk-shortcut.js';

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

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    private readonly shortcut: ChunkShortcut,
  ) {
    ConnectionWatch.of(nats).onUp(() => {
      for (const notice of this.notices) this.announce(notice);
    });
  }

  chunk(messageId: string, chunk: AnswerChunk): void {
    const subject = chunkSubject(messageId);
    this.publish(subject, encodeChunk(chunk));
    this.shortcut.give(subject, chunk);
  }

  completed(notice: CompletionNotice): void {
    this.notices[this.next] = notice;
    this.next = (this.next + 1) % KEPT_NOTICES;
    this.announce(notice);
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
