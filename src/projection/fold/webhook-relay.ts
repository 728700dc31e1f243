import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { WebhookDues } from '../../broker/webhook-dues.js';
import { type DueWebhook, dueWebhook } from '../../domain/webhook/due-webhook.state.js';
import type { Sources } from '../../platform/clock.js';
import { ThrottledWarning } from '../../platform/logging/throttled-warning.js';
import type { OverdueWebhook, WaitingWebhooks } from './waiting-webhooks.js';

const LOOK_EVERY_MS = 30_000;
/** Longer than a webhook may take: one that is later than this is not on its way any more, or waits behind many. */
const OVERDUE_AFTER_MS = 60_000;
const PAGE = 200;
const AT_ONCE = 20;
const AGAIN_AFTER_MS = 1_000;

export interface WebhookRelayParts {
  readonly waiting: Pick<WaitingWebhooks, 'overdue'>;
  readonly dues: Pick<WebhookDues, 'set' | 'has' | 'ids'>;
  readonly sources: Pick<Sources, 'nowMs'>;
  readonly logger: Logger;
}

/**
 * Puts webhooks that begin into the queue from which they are sent.
 *
 * It runs where the projection is written and is told of each batch after its commit: only the fold knows which of
 * several terminal events counts. A crash between the commit and the queue is made good by a look at all that are
 * overdue and not in the queue, with which each run begins and which is repeated every half minute. A rebuild writes the
 * same rows and has no relay, so it sends nothing.
 *
 * It waits until the tables have what the log held when the run began. Before that a row may wait whose outcome only
 * comes further on in the log: after tables that were lost, all that was ever told would be told again.
 */
export class WebhookRelay {
  private readonly under = new Set<Promise<void>>();
  private readonly overdue: ThrottledWarning;
  private isLooking = false;
  private until = 0;
  private signal: AbortSignal = AbortSignal.abort();

  constructor(private readonly parts: WebhookRelayParts) {
    this.overdue = new ThrottledWarning(parts.logger);
  }

  /**
   * To be called when the projection begins to be written here.
   *
   * @param from how far the tables are
   * @param until the log's end
   */
  begin(from: number, until: number, signal: AbortSignal): void {
    this.isLooking = false;
    this.until = until;
    this.signal = signal;
    this.lookFrom(from);
  }

  /**
   * To be called for each batch that is committed.
   *
   * @param webhooks those that began in it; one that can't be put in is found by the next look
   */
  begun(webhooks: readonly DueWebhook[], to: number): void {
    if (!this.isLooking) this.lookFrom(to);
    else if (webhooks.length > 0) this.track(this.putIn(webhooks));
  }

  private lookFrom(applied: number): void {
    if (applied < this.until) return;
    this.isLooking = true;
    this.track(this.keepLooking(this.signal));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.under);
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.under.delete(tracked));
    this.under.add(tracked);
  }

  private async keepLooking(signal: AbortSignal): Promise<void> {
    for (let graceMs = 0; !signal.aborted; ) {
      const isDone = await this.look(graceMs, signal).then(
        () => true,
        (error: unknown) => {
          this.overdue.warn({ err: error }, 'overdue webhooks are not in their queue yet; trying again');
          return false;
        },
      );
      if (isDone) graceMs = OVERDUE_AFTER_MS;
      await sleep(isDone ? LOOK_EVERY_MS : AGAIN_AFTER_MS, undefined, { signal }).catch(() => {});
    }
  }

  private async look(graceMs: number, signal: AbortSignal): Promise<void> {
    const before = new Date(this.parts.sources.nowMs() - graceMs).toISOString();
    let behind: OverdueWebhook | null = null;
    // Behind a server that is down many are overdue, and all of them in the queue.
    let known: ReadonlySet<string> | null = null;
    do {
      const page: readonly OverdueWebhook[] = await this.parts.waiting.overdue(before, behind, PAGE);
      if (page.length > 0) known ??= await this.parts.dues.ids();
      const left = page.filter(({ id }) => known?.has(id) !== true);
      for (let from = 0; from < left.length; from += AT_ONCE) {
        await Promise.all(left.slice(from, from + AT_ONCE).map((webhook) => this.putBack(webhook)));
      }
      behind = page.length < PAGE ? null : (page[page.length - 1] ?? null);
    } while (behind !== null && !signal.aborted);
  }

  private async putBack(webhook: OverdueWebhook): Promise<void> {
    if (!(await this.parts.dues.has(webhook.id))) await this.parts.dues.set(dueWebhook(webhook), 0);
  }

  private async putIn(webhooks: readonly DueWebhook[]): Promise<void> {
    try {
      await Promise.all(webhooks.map((webhook) => this.parts.dues.set(webhook, 0)));
    } catch (error) {
      this.parts.logger.warn(
        { err: error },
        'webhooks are not in their queue yet; the next look puts them in',
      );
    }
  }
}
