import { Inject, Injectable } from '@nestjs/common';
import { WebhookDues } from '../../broker/webhook-dues.js';
import { messageEvent } from '../../domain/message/message.events.js';
import { progressOf } from '../../domain/message/webhook.projection.js';
import { UNTRACED } from '../../domain/trace-context.policy.js';
import type { WebhookOutcome } from '../../domain/webhook/callback.events.js';
import { type DueWebhook, dueWebhook } from '../../domain/webhook/due-webhook.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { traceBehind } from '../../platform/telemetry/spans.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { type SendableWebhook, WebhookReader } from '../../projection/read/webhook-reader.js';
import { serverOf } from './receiver.policy.js';
import { Receivers } from './receivers.js';
import { ServerPlaces } from './server-places.js';
import { beginTry, endTry } from './try-span.js';
import { webhookBody } from './webhook-body.policy.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { type WebhookAnswer, type WebhookVerdict, webhookVerdict } from './webhook-verdict.policy.js';

/** Of one process. Most wait for their receiver, and cost next to nothing. */
export const WEBHOOKS_AT_ONCE = 256;

const NOT_SENT: WebhookAnswer = { status: null, problem: null, retryAfterMs: null, durationMs: 0 };

/**
 * Sends a webhook that is due, once, and writes what came of it to the log.
 *
 * It asks the tables first, which say whether this try is still wanted. Killed at any point, the broker hands the webhook
 * out again: before its outcome is in the log it is sent once more, under the same id; behind it only its next try is set.
 */
@Injectable()
export class WebhookSender {
  /** Since the start of this process. */
  readonly outcomes: Record<WebhookOutcome, number> = { delivered: 0, retrying: 0, failed: 0 };
  private readonly places: ServerPlaces;

  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'append' | 'extent'>,
    @Inject(WebhookReader) private readonly reader: Pick<WebhookReader, 'sendable' | 'waiting'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(WebhookDues) private readonly dues: Pick<WebhookDues, 'set'>,
    @Inject(Receivers) private readonly receivers: Pick<Receivers, 'isOff' | 'switchOff'>,
    @Inject(WebhookClient) private readonly client: Pick<WebhookClient, 'send'>,
    @Inject(WebhookSecrets) private readonly secrets: Pick<WebhookSecrets, 'headers'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'webhooks' | 'projection'>,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {
    this.places = new ServerPlaces(sources.steadyMs, WEBHOOKS_AT_ONCE / 4);
  }

  /** Of all tenants and processes. */
  waiting(): Promise<number> {
    return this.reader.waiting();
  }

  /**
   * Resolves when nothing is left to do for this try.
   *
   * @throws when a server is away or the tables are behind; it is to be handed out again then
   */
  async send(due: DueWebhook): Promise<void> {
    let webhook = await this.reader.sendable(due.messageId, due.id);
    if (webhook !== null && aheadOf(due, webhook) < 0) {
      // What it follows from is in the log. Where the tables have all of it and not that, the log has lost it.
      const { lastSequence } = await this.log.extent();
      await this.position.waitFor(lastSequence, this.config.projection.read_wait_ms);
      webhook = await this.reader.sendable(due.messageId, due.id);
    }
    // Erased with its message, or at its end.
    if (webhook === null || webhook.status !== 'waiting') return;
    if (aheadOf(due, webhook) === 0) await this.tryNow(webhook, due);
    else await this.dues.set(dueWebhook(webhook), Date.parse(webhook.nextTryAt ?? ''));
  }

  private async tryNow(webhook: SendableWebhook, due: DueWebhook): Promise<void> {
    const { callback, tenant, tries } = webhook;
    if (this.receivers.isOff(tenant, callback.url)) return this.giveUp(webhook, 'receiver_off');
    const body = webhookBody(webhook);
    const headers = this.secrets.headers(webhook.keyName, webhook.id, body, this.sources.nowMs());
    if (headers === null) return this.giveUp(webhook, 'no_secret');
    const place = this.places.enter(tenant, serverOf(callback.url));
    if (typeof place === 'number') return this.dues.set(due, this.sources.nowMs() + place);
    const trace = webhook.trace ?? UNTRACED;
    const traced = { ...webhook, url: callback.url };
    const span = beginTry(trace, traced, { 'llmq.message.id': webhook.messageId });
    const sent = { ...headers, ...traceBehind(span, trace) };
    const answer = await this.client.send(callback, sent, body);
    const { retry_times_ms: times } = this.config.webhooks;
    const verdict = webhookVerdict(answer, tries + 1, times, this.sources.random());
    endTry(span, answer, verdict);
    place.leave(verdict.outcome === 'delivered', answer.durationMs);
    if (verdict.outcome === 'failed' && verdict.isGone) {
      await this.receivers.switchOff(tenant, callback.url, 'it answered 410');
    }
    await this.record(webhook, tries + 1, answer, verdict);
  }

  private async giveUp(webhook: SendableWebhook, reason: string): Promise<void> {
    await this.record(webhook, webhook.tries, NOT_SENT, { outcome: 'failed', reason, isGone: false });
  }

  private async record(
    webhook: SendableWebhook,
    tries: number,
    { status, durationMs }: WebhookAnswer,
    verdict: WebhookVerdict,
  ): Promise<void> {
    const { id, messageId, tenant, lane, type, createdAt: ended_at, round } = webhook;
    const nowMs = this.sources.nowMs();
    const nextMs = verdict.outcome === 'retrying' ? nowMs + verdict.delayMs : null;
    const context = {
      messageId,
      tenant,
      lane,
      now: new Date(nowMs).toISOString(),
      newId: this.sources.newId,
      ...webhook.trace,
    };
    const event = messageEvent(context, 'llmq.message.webhook-tried.v1', {
      webhook: { id, type, ended_at, round },
      tries,
      outcome: verdict.outcome,
      reason: verdict.reason,
      status,
      duration_ms: durationMs,
      next_try_at: nextMs === null ? null : new Date(nextMs).toISOString(),
    });
    await this.log.append([event]);
    this.outcomes[verdict.outcome] += 1;
    if (nextMs !== null) await this.dues.set({ messageId, id, round, tries }, nextMs);
  }
}

/** How many steps its row is ahead of it. */
function aheadOf(due: DueWebhook, webhook: SendableWebhook): number {
  return progressOf(webhook) - progressOf({ ...due, status: 'waiting' });
}
