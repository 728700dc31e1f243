import type { TerminalEvent } from '../../domain/message/message.events.js';

/** One piece of an answer on its way to whoever listens. */
export interface AnswerChunk {
  /** Counts the chunks of an attempt from 1, without gaps. */
  readonly seq: number;
  readonly attempt: number;
  /**
   * Which delivery of the attempt this is, from 1, which is also what its absence means. A repeated delivery streams the
   * answer again from `seq` 1; what an earlier one still sends is then dropped, so that two answers never mix.
   */
  readonly delivery?: number;
  /** OpenAI's `choices[0].delta`. */
  readonly delta: Record<string, unknown>;
  /** The model that speaks, by the name that clients ask for; absent where that is the one that was asked for. */
  readonly model?: string;
}

/** Tells that a message's terminal event is durable, and where it lies. */
export interface CompletionNotice {
  readonly messageId: string;
  readonly sequence: number;
  /** The event itself, where it was this process that appended it: it need not be read from the log then. */
  readonly event?: TerminalEvent;
}

/** The worker's side. Nothing here is durable: the log is. Neither call waits for the network. */
export interface AnswerPublisher {
  /**
   * Whether the chunks of this message are to go out. Those of one that was submitted with `stream: true` always are;
   * those of another only while somebody listens, in this process or, with `fromStart`, in any.
   */
  wanted(messageId: string, streamed: boolean): boolean;
  /** The first chunk goes out at once, what follows within some 10 ms goes together. */
  chunk(messageId: string, chunk: AnswerChunk): void;
  /** The call has ended: what is still held of its chunks goes out now. */
  flush(messageId: string): void;
  /** What is still held of the message's chunks goes out before the notice. */
  completed(notice: CompletionNotice): void;
}

/** What may wait for one client, of all that it listens to. */
export interface SharedRoom {
  /** Counts what waits more, in UTF-16 units, or less. */
  take(units: number): void;
  readonly isOverfull: boolean;
}

export interface ChunkOptions {
  /**
   * From the beginning of the newest run, as far as the chunk stream has it; and workers send the chunks whether or not
   * the message was submitted with `stream: true`. One that is heard of in the middle of such an answer begins with what
   * was said so far.
   */
  readonly fromStart?: boolean;
  /** So many chunks may wait to be read that came as they were said; without it, all that come. */
  readonly mostWaiting?: number;
  /** Where these chunks are counted with others', and may be too many together. */
  readonly room?: SharedRoom | null;
}

/** More chunks came than may wait. */
export class FallenBehindError extends Error {
  override readonly name = 'FallenBehindError';
}

export interface AnswerListener {
  /**
   * Resolves with the notice of the message's completion, from now on. Start listening before you look whether it is
   * completed already, or the moment between is lost. Null when the signal aborts first.
   *
   * `onUncertain` is called when notices may have been lost (the connection was away): look again.
   * `isNew`: the message does not exist yet, so nobody can have told of its end before.
   * `after`: the sequence of an end that is known not to count any more, since the message was requeued.
   */
  completion(
    messageId: string,
    options: { signal: AbortSignal; onUncertain: () => void; isNew?: boolean; after?: number },
  ): Promise<CompletionNotice | null>;

  /**
   * The chunks of a message's answer in order, from now on, until the signal aborts. Chunks lost with a connection are
   * read again from the chunk stream; where they are lost there too, the rest of the attempt is held back, and it is the
   * message's completion that ends the wait. A new attempt, or a new delivery of it, starts again at `seq` 1.
   * The subscription stands when this method has returned (before the first `next()`).
   *
   * Iterating throws `FallenBehindError` where more than `mostWaiting` wait, or more than the `room` takes.
   */
  chunks(messageId: string, signal: AbortSignal, options?: ChunkOptions): AsyncIterable<AnswerChunk>;

  /**
   * What the chunk stream still has of a message's answers, in the order in which it was stored.
   *
   * @throws {Error} when the broker does not answer in time
   */
  history(messageId: string): Promise<readonly AnswerChunk[]>;
}

export const ANSWER_PUBLISHER = Symbol('AnswerPublisher');
export const ANSWER_LISTENER = Symbol('AnswerListener');
