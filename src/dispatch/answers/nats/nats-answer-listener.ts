import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { chunkSubject, doneSubject } from '../../../broker/message-subjects.js';
import { NATS } from '../../../platform/tokens.js';
import type { AnswerChunk, AnswerListener, ChunkOptions, CompletionNotice } from '../answers.port.js';
import { ChunkFeed, type ChunkSources } from './chunk-feed.js';
import { ChunkHistory } from './chunk-history.js';
import { CompletionNotices, type NoticeOptions } from './completion-notices.js';
import { InProcessAnswers } from './in-process-answers.js';
import { WantedPieces } from './wanted-pieces.js';

/** Listens on core NATS; a connection that comes back makes every listener look for what it may have missed. */
@Injectable()
export class NatsAnswerListener implements AnswerListener {
  private readonly notices: CompletionNotices;
  private readonly sources: Omit<ChunkSources, 'messageId'>;
  private readonly stopWatching: () => void;
  private readonly feeds = new Set<ChunkFeed>();

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(InProcessAnswers) inProcess: InProcessAnswers,
    @Inject(WantedPieces) private readonly wanted: Pick<WantedPieces, 'want'>,
  ) {
    this.notices = new CompletionNotices(nats, inProcess);
    this.sources = { nats, inProcess, history: new ChunkHistory(nats) };
    this.stopWatching = ConnectionWatch.of(nats).onUp(() => this.connectionWasAway());
  }

  async completion(messageId: string, options: NoticeOptions): Promise<CompletionNotice | null> {
    doneSubject(messageId); // An id that is none is told here as it is by `chunks`.
    return this.notices.wait(messageId, options);
  }

  chunks(
    messageId: string,
    signal: AbortSignal,
    { fromStart = false, mostWaiting, room }: ChunkOptions = {},
  ): AsyncIterable<AnswerChunk> {
    let wantNoMore: () => void = () => undefined;
    const forget = (ended: ChunkFeed) => {
      this.feeds.delete(ended);
      wantNoMore();
    };
    const feed = new ChunkFeed({ messageId, ...this.sources }, signal, forget, { mostWaiting, room });
    if (signal.aborted) return feed;
    this.feeds.add(feed);
    if (fromStart) {
      wantNoMore = this.wanted.want(messageId);
      feed.readHistory();
    }
    return feed;
  }

  async history(messageId: string): Promise<readonly AnswerChunk[]> {
    return this.sources.history.read(chunkSubject(messageId));
  }

  close(): void {
    this.stopWatching();
    this.notices.close();
  }

  private connectionWasAway(): void {
    this.notices.connectionWasAway();
    for (const feed of [...this.feeds]) feed.readHistory();
  }
}
