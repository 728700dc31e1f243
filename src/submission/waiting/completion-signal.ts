import type { AnswerListener, CompletionNotice } from '../../dispatch/answers/answers.port.js';

/**
 * - a notice: the message has ended; the notice says where its terminal event is in the log.
 * - `uncertain`: a notice may have been lost; look.
 * - `over`: the wait was given up.
 */
export type Woken = CompletionNotice | 'uncertain' | 'over';

/**
 * Wakes a request that waits for the end of one message: by the notice, by doubt whether one was lost (the connection
 * was away, or the message existed before anybody listened), or by the end of the wait.
 */
export class CompletionSignal {
  /** Resolves null when the signal aborts first. */
  readonly notice: Promise<CompletionNotice | null>;
  private isUncertain = false;
  private wake: () => void = () => undefined;

  /**
   * @param after the end of an earlier life of a message that was requeued: it is not told again
   * @param isNew the message does not exist yet, so no notice can have been missed
   */
  constructor(
    answers: AnswerListener,
    readonly messageId: string,
    readonly signal: AbortSignal,
    after = 0,
    isNew = false,
  ) {
    this.notice = answers.completion(messageId, {
      signal,
      after,
      isNew,
      onUncertain: () => this.doubt(),
    });
    // The failure is thrown where the notice is awaited; until then it must not count as unhandled.
    this.notice.catch(() => undefined);
  }

  /** Says that the message may have ended before anybody listened. */
  doubt(): void {
    this.isUncertain = true;
    this.wake();
  }

  /** Resolves when there was uncertainty since the last time. One caller waits at a time. */
  async uncertain(): Promise<'uncertain'> {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    if (!this.isUncertain) await woken;
    this.isUncertain = false;
    return 'uncertain';
  }

  next(): Promise<Woken> {
    return Promise.race([this.notice.then((notice): Woken => notice ?? 'over'), this.uncertain()]);
  }
}
