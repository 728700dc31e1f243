import type { AnswerListener, CompletionNotice } from '../answers/answers.port.js';

/**
 * - a notice: the message has ended, and its terminal event lies there.
 * - `uncertain`: a notice may have been lost; look.
 * - `over`: whoever waits has given up.
 */
export type Woken = CompletionNotice | 'uncertain' | 'over';

/** Rings when there is reason to look: the notice, a connection that may have lost it, or the end of the wait. */
export class Doorbell {
  private uncertain = false;
  private wake: (woken: Woken) => void = () => undefined;
  private readonly notice: Promise<CompletionNotice | null>;

  constructor(answers: AnswerListener, id: string, signal: AbortSignal) {
    this.notice = answers.completion(id, {
      signal,
      onUncertain: () => {
        this.uncertain = true;
        this.wake('uncertain');
      },
    });
    // Whoever rings gets the failure; until then it must not count as unhandled.
    this.notice.catch(() => undefined);
  }

  async ring(): Promise<Woken> {
    const uncertainty = new Promise<Woken>((resolve) => {
      this.wake = resolve;
    });
    if (this.uncertain) this.wake('uncertain');
    const woken = await Promise.race([uncertainty, this.notice.then((notice): Woken => notice ?? 'over')]);
    if (woken === 'uncertain') this.uncertain = false;
    return woken;
  }
}
