import { setImmediate as immediately } from 'node:timers/promises';
import type { AnswerChunk } from '../../dispatch/answers/answers.port.js';
import { choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { MessageCompleted, TerminalEvent } from '../../domain/message/message.events.js';
import type { EventStream } from '../http/event-stream.js';
import { DeliveredAnswer, type Delivery, type Delta } from './delivered-answer.policy.js';
import type { FailedAnswer } from './failed-answer.policy.js';

/** How a stream ended: with the message's end, before it (the client went away or the service stops), or cut by us. */
export type StreamEnd = TerminalEvent | 'left' | 'diverged';

/** The words of a protocol for what a stream tells. */
export interface StreamForm {
  /** What is told before anything is known of the answer; absent where that is nothing, and the headers wait too. */
  readonly begin?: () => void;
  /**
   * @param piece of one choice, with its `index` (absent for the first) and its `logprobs`
   * @param model who speaks now, where that is not the model that was asked for
   */
  piece(piece: Delta, model: string | undefined, seq: number | undefined): void;
  /** The answer is whole, and all of it was told. Nothing follows. */
  complete(end: MessageCompleted, model: string | undefined): void;
  /** The stream ends without its answer. @param end of the message; null where that goes on, or is not known */
  fail(failed: FailedAnswer, end: TerminalEvent | null): void;
}

export interface AnswerStreamOptions {
  readonly form: StreamForm;
  /** The headers wait for the first piece this long: until then a failure has a status of its own. */
  readonly headersAfterMs: number;
  /** A stream that is silent for this long tells why. */
  readonly heartbeatMs: number;
  /** What it tells then. Never rejects. */
  readonly news: () => Promise<string>;
  /** Called with the first piece of the answer. */
  readonly onBegun: () => void;
  /** What was said of the answer that may have been missed, in order; absent for who listened from before it began. */
  readonly missed?: (end: MessageCompleted) => Promise<readonly AnswerChunk[]>;
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
    private readonly out: Pick<EventStream, 'begin' | 'comment' | 'ready'>,
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
    this.options.form.begin?.();
    try {
      this.sendPieces(chunks, signal).catch(this.options.onPiecesLost);
      const end = (await Promise.race([ended, divergence])) ?? 'left';
      if (typeof end !== 'object' || end.type !== 'llmq.message.completed.v1') return end;
      // Pieces that have come are told as they came: whoever is told them again must count them alike.
      await immediately();
      const missed = this.options.missed === undefined ? [] : await this.options.missed(end);
      return this.sendMissed(missed) ? this.complete(end) : 'diverged';
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

  private sendMissed(chunks: readonly AnswerChunk[]): boolean {
    for (const chunk of chunks) {
      this.model = chunk.model;
      if (!this.send(this.delivered.take(chunk), chunk.seq)) return false;
    }
    return true;
  }

  /** @returns false when nothing more may be sent */
  private send(delivery: Delivery, seq?: number): boolean {
    if (delivery.kind === 'diverged') this.diverged('diverged');
    if (delivery.kind === 'delta') {
      this.begun = true;
      this.options.onBegun();
      this.silent = false;
      this.options.form.piece(delivery.delta, this.model, seq);
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
    this.options.form.complete(end, this.model);
    return end;
  }
}
