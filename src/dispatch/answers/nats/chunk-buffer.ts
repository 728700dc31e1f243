import type { AnswerChunk } from '../answers.port.js';

/** Chunks of one message that come closer together than this go out together. Readers don't see so short a time. */
export const GROUP_MS = 10;

export interface PieceInterest {
  /** The message was submitted with `stream: true`: its chunks are kept, so that the stream can also be resumed later. */
  readonly streamed: boolean;
  /** Somebody listens to its chunks. */
  readonly listenedTo: boolean;
}

/** Whether anybody can want the pieces of an answer before the answer is whole. */
export function piecesWanted({ streamed, listenedTo }: PieceInterest): boolean {
  return streamed || listenedTo;
}

interface Stream {
  /** When chunks of it went out last. */
  sentMs: number;
  held: AnswerChunk[];
}

export interface ChunkGroup {
  readonly messageId: string;
  readonly chunks: readonly AnswerChunk[];
}

/**
 * Groups the chunks of each message in time: a chunk after a pause goes out at once, and those that come within
 * `GROUP_MS` of it are held, to go out as one group. Never reorders and never drops.
 *
 * It has no timer of its own: whoever holds it calls `due` about every `GROUP_MS` until it is empty. The clock is
 * monotonic, in milliseconds.
 */
export class ChunkBuffer {
  private readonly streams = new Map<string, Stream>();

  /** Nothing is held, and the next chunk of any message would go out at once. */
  get isEmpty(): boolean {
    return this.streams.size === 0;
  }

  /** @returns what goes out now: nothing, the chunk alone, or the chunk behind what was held before it */
  add(messageId: string, chunk: AnswerChunk, nowMs: number): readonly AnswerChunk[] {
    const stream = this.streams.get(messageId);
    if (stream === undefined) {
      this.streams.set(messageId, { sentMs: nowMs, held: [] });
      return [chunk];
    }
    stream.held.push(chunk);
    return nowMs - stream.sentMs < GROUP_MS ? [] : release(stream, nowMs);
  }

  /** What goes out at this time. Forgets the messages that have been quiet. */
  due(nowMs: number): ChunkGroup[] {
    const groups: ChunkGroup[] = [];
    for (const [messageId, stream] of this.streams) {
      if (nowMs - stream.sentMs < GROUP_MS) continue;
      if (stream.held.length === 0) this.streams.delete(messageId);
      else groups.push({ messageId, chunks: release(stream, nowMs) });
    }
    return groups;
  }

  /** The message has ended: returns what is still held of it. */
  end(messageId: string): readonly AnswerChunk[] {
    const held = this.streams.get(messageId)?.held ?? [];
    this.streams.delete(messageId);
    return held;
  }
}

function release(stream: Stream, nowMs: number): readonly AnswerChunk[] {
  const chunks = stream.held;
  stream.held = [];
  stream.sentMs = nowMs;
  return chunks;
}
