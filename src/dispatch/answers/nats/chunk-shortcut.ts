import { Injectable } from '@nestjs/common';
import type { AnswerChunk } from '../answers.port.js';

/**
 * From the worker to listeners of its own process, past the server: a stream's first word is there a round trip earlier
 * where one process has all roles. The server brings the same chunk again, and its listener drops what it has.
 */
@Injectable()
export class ChunkShortcut {
  private readonly takers = new Map<string, Set<(chunk: AnswerChunk) => void>>();

  give(subject: string, chunk: AnswerChunk): void {
    for (const take of this.takers.get(subject) ?? []) take(chunk);
  }

  /** @returns how to end it */
  listen(subject: string, take: (chunk: AnswerChunk) => void): () => void {
    const takers = this.takers.get(subject) ?? new Set();
    this.takers.set(subject, takers.add(take));
    return () => {
      takers.delete(take);
      if (takers.size === 0) this.takers.delete(subject);
    };
  }
}
