import { Injectable } from '@nestjs/common';
import type { AnswerChunk, CompletionNotice } from '../answers.port.js';

type Take = (chunks: readonly AnswerChunk[]) => void;

/**
 * Delivery of chunks and notices from the worker to listeners of its own process, without the server between them: a
 * stream's first word is there a round trip earlier where one process has all roles. The server delivers the same again,
 * and the listener drops what it has.
 */
@Injectable()
export class InProcessAnswers {
  private readonly noticed = new Set<(notice: CompletionNotice) => void>();
  private readonly listeners = new Map<string, Set<Take>>();

  deliver(messageId: string, chunks: readonly AnswerChunk[]): void {
    for (const take of this.listeners.get(messageId) ?? []) take(chunks);
  }

  completed(notice: CompletionNotice): void {
    for (const notify of this.noticed) notify(notice);
  }

  onCompletion(notify: (notice: CompletionNotice) => void): void {
    this.noticed.add(notify);
  }

  hasListener(messageId: string): boolean {
    return this.listeners.has(messageId);
  }

  /** @returns how to end it */
  listen(messageId: string, take: Take): () => void {
    const listeners = this.listeners.get(messageId) ?? new Set();
    this.listeners.set(messageId, listeners.add(take));
    return () => {
      listeners.delete(take);
      if (listeners.size === 0) this.listeners.delete(messageId);
    };
  }
}
