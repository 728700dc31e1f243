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

  deliver(subject: string, chunks: readonly AnswerChunk[]): void {
    for (const take of this.listeners.get(subject) ?? []) take(chunks);
  }

  completed(notice: CompletionNotice): void {
    for (const notify of this.noticed) notify(notice);
  }

  onCompletion(notify: (notice: CompletionNotice) => void): void {
    this.noticed.add(notify);
  }

  hasListener(subject: string): boolean {
    return this.listeners.has(subject);
  }

  /** @returns how to end it */
  listen(subject: string, take: Take): () => void {
    const listeners = this.listeners.get(subject) ?? new Set();
    this.listeners.set(subject, listeners.add(take));
    return () => {
      listeners.delete(take);
      if (listeners.size === 0) this.listeners.delete(subject);
    };
  }
}
