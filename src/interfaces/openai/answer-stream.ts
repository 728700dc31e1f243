import type { AnswerChunk } from '../../dispatch/answers/answers.port.js';
import { choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { MessageCompleted, TerminalEvent } from '../../domain/message/message.events.js';
import type { EventStream } from '../http/event-stream.js';
import { type ChunkContent, chunkJson } from './answer.json.js';
import { extraOf, type StreamedFrame, usageOf } from './answer-frame.js';
import { DeliveredAnswer, type Delivery } from './delivered-answer.policy.js';

/** How a stream ended: with the message's end, before it (the client went away or the service stops), or cut by us. */
export type StreamEnd = TerminalEvent | 'left' | 'diverged';

export interface AnswerStreamOptions {
  readonly frame: StreamedFrame;
  readonly includeUsage: boolean;
  /** The headers wait for the first piece this long: until then a failure has a status of its own. */
  readonly headersAfterMs: number;
  /** A stream that is silent for this long tells why. */
  readonly heartbeatMs: number;
  /** What it tells then. Never rejects. */
  readonly news: () => Promise<string>;
  /** Called with the first piece of the answer. */
  readonly onBegun: () => void;
  /** Called when the pieces stop coming before their time; the answer then comes in one piece at its end. */
  readonly onPiecesLost: (error: unknown) => void;
}

/**
 * One streamed answer: pieces go out as they come, until the message's terminal event is there. That event has the last
 * word: what the pieces lack is added from it, and where they contradict it the stream breaks off.
 */
export class AnswerStream {
  private readonly delivered = new DeliveredAnswer();
  private diverged: (end: 'diverged') => void = () => undefined;
  /** Whoever speaks now, where that is not the model that was asked for. */
  private model: string | undefined;
  private begun = false;
  /** Nothing was sent since the last heartbeat. */
  private silent = true;
  /** The one timer of a stream: first for its headers, then for its heartbeats. */
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly out: EventStream,
    private readonly options: AnswerStreamOptions,
  ) {}

  /** Sends everything but the failure, which is the caller's to tell. */
  async run(
    chunks: AsyncIterable<AnswerChunk>,
    ended: Promise<TerminalEvent | null>,
    signal: AbortSignal,
  ): Promise<StreamEnd> {
    const divergence = new Promise<'diverged'>((resolve) => {
      this.diverged = resolve;
    });
    this.timer = setTimeout(() => void this.beat(), this.options.headersAfterMs);
    try {
      this.sendPieces(chunks, signal).catch(this.options.onPiecesLost);
      const end = (await Promise.race([ended, divergence])) ?? 'left';
      return typeof end === 'object' && end.type === 'llmq.message.completed.v1' ? this.complete(end) : end;
    } finally {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
  }

  private async beat(): Promise<void> {
    this.out.begin();
    this.timer = setTimeout(() => void this.beat(), this.options.heartbeatMs);
    const { silent } = this;
    this.silent = true;
    if (!silent) return;
    const news = await this.options.news();
    if (this.timer !== undefined) this.out.comment(news);
  }

  private async sendPieces(chunks: AsyncIterable<AnswerChunk>, signal: AbortSignal): Promise<void> {
    for await (const chunk of chunks) {
      if (signal.aborted) return;
      this.model = chunk.model;
      if (!this.send(this.delivered.take(chunk), chunk.seq)) return;
      await this.out.ready(signal);
    }
  }

  /** @returns false when nothing more may be sent */
  private send(delivery: Delivery, seq?: number): boolean {
    if (delivery.kind === 'diverged') this.diverged('diverged');
    if (delivery.kind === 'delta') {
      this.begun = true;
      this.options.onBegun();
      this.chunk({ piece: delivery.delta }, seq);
    }
    return delivery.kind !== 'diverged';
  }

  private complete(end: MessageCompleted): StreamEnd {
    const choices = choicesOf(end);
    // No piece has told who speaks.
    if (!this.begun) this.model = end.data.model;
    for (const { index, message, logprobs } of choices) {
      if (!this.send(this.delivered.rest(message, { index, logprobs }))) return 'diverged';
    }
    for (const { index, finish_reason: finishReason, more } of choices) {
      const piece = index === 0 ? {} : { index };
      // What is said of the whole answer goes with its very last piece.
      const extra = index === choices.at(-1)?.index ? extraOf(end) : {};
      this.chunk({ piece, finishReason, more, extra });
    }
    const usage = this.options.includeUsage ? usageOf(end) : null;
    if (usage !== null) this.out.data(chunkJson(this.options.frame, { model: this.model, usage }));
    this.out.done();
    return end;
  }

  private chunk(content: ChunkContent, seq?: number): void {
    this.silent = false;
    const { piece, finishReason, more, extra } = content;
    const usage = this.options.includeUsage ? null : undefined;
    // Field by field: one that is added to copied ones costs as much as the rest of a piece.
    const told = { model: this.model, piece, finishReason, more, extra, usage };
    this.out.data(chunkJson(this.options.frame, told), seq);
  }
}
