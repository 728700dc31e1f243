import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { chunkSubject } from '../../../broker/message-subjects.js';
import { type AnswerChunk, type ChunkOptions, FallenBehindError } from '../answers.port.js';
import { decodeChunks, isOfRun } from './answer-codec.js';
import type { ChunkHistory } from './chunk-history.js';
import { ChunkOrder } from './chunk-order.js';
import type { InProcessAnswers } from './in-process-answers.js';

/** Pauses before each read of the stream for a gap: it stores a chunk a moment after listeners get it. */
const FILL_PAUSES_MS = [0, 100, 500, 2_000] as const;

/** Where what waits is limited, also of few and long chunks. */
const MOST_UNITS = 512 * 1024;

/** Where the chunks of one message come from. */
export interface ChunkSources {
  readonly nats: NatsConnection;
  readonly inProcess: InProcessAnswers;
  readonly history: ChunkHistory;
  readonly messageId: string;
}

/**
 * The chunks of one message for one listener.
 *
 * *Live*: chunks come by the subscription, and go out in order. *Filling*: a chunk is missing, or the connection was
 * away and may have cost the newest ones; the stream is read, while live chunks still come and are held. A gap that the
 * stream can't fill either is given up, and with it the rest of the run. *Ended*, by the signal or by the consumer's
 * `break`: nothing is subscribed and nothing held any more.
 */
export class ChunkFeed implements AsyncIterable<AnswerChunk>, AsyncIterator<AnswerChunk> {
  private readonly order = new ChunkOrder();
  private ready: AnswerChunk[] = [];
  /** How many of these came as they were said: whoever joins late reads what was said before at its own speed. */
  private live = 0;
  /** What they are as JSON. */
  private liveUnits = 0;
  private fellBehind = false;
  private wake: () => void = () => {};
  private ended = false;
  private filling = false;
  private fillAgain = false;
  /** A chunk of the newest run that comes from this process. */
  private fromHere: AnswerChunk | null = null;
  private readonly subscription: Subscription;
  private readonly leaveInProcess: () => void;
  private readonly end = () => this.close();

  /** @param onEnd called once, when the feed needs nothing of the connection any more */
  constructor(
    private readonly sources: ChunkSources,
    private readonly signal: AbortSignal,
    private readonly onEnd: (feed: ChunkFeed) => void,
    private readonly limits: Pick<ChunkOptions, 'mostWaiting' | 'room'> = {},
  ) {
    const { nats, inProcess, messageId } = sources;
    const subject = chunkSubject(messageId);
    this.leaveInProcess = inProcess.listen(messageId, (chunks) => {
      this.fromHere = chunks[0] ?? this.fromHere;
      this.takeLive(chunks);
    });
    this.subscription = nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.hear(message.data);
      },
    });
    signal.addEventListener('abort', this.end, { once: true });
    if (signal.aborted) this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<AnswerChunk> {
    return this;
  }

  async next(): Promise<IteratorResult<AnswerChunk>> {
    while (!this.ended) {
      const chunk = this.ready.shift();
      this.live = Math.min(this.live, this.ready.length);
      if (this.live === 0) this.countUnits(-this.liveUnits);
      if (chunk !== undefined) return { done: false, value: chunk };
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.fellBehind) throw new FallenBehindError('More chunks came than were read.');
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<AnswerChunk>> {
    this.close();
    return { done: true, value: undefined };
  }

  /**
   * Takes what the stream has of the answer: what was said before anybody listened, or, where the connection was away,
   * the newest chunks, which can be missing without a gap to see.
   */
  readHistory(): void {
    void this.fill();
  }

  /** A run has one publisher: what the server delivers of one that comes from this process has been taken already. */
  private hear(bytes: Uint8Array): void {
    if (this.fromHere === null || !isOfRun(bytes, this.fromHere)) this.takeLive(decodeChunks(bytes));
  }

  private takeLive(chunks: readonly AnswerChunk[]): void {
    if (this.ended) return;
    const before = this.ready.length;
    this.take(chunks);
    this.live += Math.max(0, this.ready.length - before);
    this.live = Math.min(this.live, this.ready.length);
    const { mostWaiting, room } = this.limits;
    if (mostWaiting === undefined) return;
    if (before > 0) this.countUnits(JSON.stringify(chunks).length);
    if (this.live <= mostWaiting && this.liveUnits <= MOST_UNITS && room?.isOverfull !== true) return;
    this.fellBehind = true;
    this.close();
  }

  private countUnits(units: number): void {
    this.liveUnits += units;
    this.limits.room?.take(units);
  }

  private take(chunks: readonly AnswerChunk[]): void {
    if (this.ended) return;
    for (const chunk of chunks) {
      const { ready, restarted } = this.order.take(chunk);
      // What was not yet read of an older run is of no use any more.
      if (restarted) this.ready = [];
      this.ready.push(...ready);
    }
    if (this.ready.length > 0) this.wake();
    if (this.order.hasGap && !this.filling) void this.fill();
  }

  private async fill(): Promise<void> {
    this.fillAgain = this.filling;
    if (this.filling) return;
    this.filling = true;
    do {
      this.fillAgain = false;
      await this.fillGap();
    } while (this.fillAgain && !this.ended);
    this.filling = false;
  }

  private async fillGap(): Promise<void> {
    const { history, messageId } = this.sources;
    for (const pauseMs of FILL_PAUSES_MS) {
      await sleep(pauseMs);
      if (this.ended) return;
      // After a read that failed comes another one: the newest chunks can be missing without a gap to see.
      const chunks = await history.read(chunkSubject(messageId), () => !this.ended).catch(() => null);
      this.take(chunks ?? []);
      if (chunks !== null && !this.order.hasGap) return;
    }
    if (this.order.hasGap) this.order.giveUp();
  }

  private close(): void {
    if (this.ended) return;
    this.ended = true;
    this.signal.removeEventListener('abort', this.end);
    this.subscription.unsubscribe();
    this.leaveInProcess();
    this.ready = [];
    this.countUnits(-this.liveUnits);
    this.wake();
    this.onEnd(this);
  }
}
