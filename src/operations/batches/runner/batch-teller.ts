import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { traceBehind } from '../../../platform/telemetry/spans.js';
import { Receivers } from '../../webhooks/receivers.js';
import { beginTry, endTry } from '../../webhooks/try-span.js';
import { batchBody } from '../../webhooks/webhook-body.policy.js';
import { WebhookClient } from '../../webhooks/webhook-client.js';
import { WebhookSecrets } from '../../webhooks/webhook-secrets.js';
import { webhookVerdict } from '../../webhooks/webhook-verdict.policy.js';
import { type Batch, type BatchWebhook, endedAtMs, isToTell, told, type WebhookTry } from '../batch.state.js';
import type { BatchRecord } from './batch-record.js';

/** While a try is not due, the batch is read so often: an admin may have it delivered at once. */
const LOOK_EVERY_MS = 5_000;

/**
 * Tells by a webhook that a batch has ended, with OpenAI's types (`batch.completed`, ...): signed, traced and tried again as
 * the webhooks of messages are, at least once and under one id. Its place in its life is kept with the batch, whose holder
 * sends it. It is in no list of deliveries, which are about messages: the batch tells of it.
 */
@Injectable()
export class BatchTeller {
  constructor(
    @Inject(WebhookClient) private readonly client: Pick<WebhookClient, 'send'>,
    @Inject(WebhookSecrets) private readonly secrets: Pick<WebhookSecrets, 'headers'>,
    @Inject(Receivers) private readonly receivers: Pick<Receivers, 'isOff' | 'switchOff'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'random'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'webhooks'>,
  ) {}

  /**
   * Resolves when nobody has to be told any more.
   *
   * @throws the reason of the signal
   * @throws what `BatchRecord.change` and `refresh` throw; it may be told once more then
   */
  async tell(record: BatchRecord, signal: AbortSignal): Promise<void> {
    for (let batch = record.known; isToTell(batch); batch = record.known) {
      const waitMs = batch.webhook.nextAtMs - this.sources.nowMs();
      if (waitMs > 0) {
        await sleep(Math.min(waitMs, LOOK_EVERY_MS), undefined, { signal });
        await record.refresh();
        continue;
      }
      signal.throwIfAborted();
      const change = await this.tryNow(batch, batch.webhook);
      await record.change((known) => told(known, change));
    }
  }

  private async tryNow(batch: Batch, webhook: BatchWebhook): Promise<WebhookTry> {
    const { id, callback, trace } = webhook;
    if (this.receivers.isOff(batch.tenant, callback.url)) return this.notSent(webhook, 'receiver_off');
    const nowMs = this.sources.nowMs();
    const endedAt = new Date(endedAtMs(batch) ?? nowMs).toISOString();
    const type = `batch.${batch.status}`;
    const body = batchBody(id, type, endedAt, batch.id);
    const headers = this.secrets.headers(batch.caller.name, id, body, nowMs);
    if (headers === null) return this.notSent(webhook, 'no_secret');
    const span = beginTry(trace, { ...webhook, type, url: callback.url }, { 'llmq.batch.id': batch.id });
    const answer = await this.client.send(callback, { ...headers, ...traceBehind(span, trace) }, body);
    const tries = webhook.tries + 1;
    const { retry_times_ms: times } = this.config.webhooks;
    const verdict = webhookVerdict(answer, tries, times, this.sources.random());
    endTry(span, answer, verdict);
    if (verdict.outcome === 'failed' && verdict.isGone) {
      await this.receivers.switchOff(batch.tenant, callback.url, 'it answered 410');
    }
    const triedAtMs = this.sources.nowMs();
    const { reason } = verdict;
    const tried = {
      round: webhook.round,
      tries,
      lastTriedAtMs: triedAtMs,
      reason,
      httpStatus: answer.status,
    };
    return verdict.outcome === 'retrying'
      ? { ...tried, nextAtMs: triedAtMs + verdict.delayMs, outcome: 'waiting' }
      : { ...tried, nextAtMs: webhook.nextAtMs, outcome: verdict.outcome };
  }

  private notSent({ round, tries, nextAtMs }: BatchWebhook, reason: string): WebhookTry {
    const lastTriedAtMs = this.sources.nowMs();
    return { round, tries, nextAtMs, outcome: 'failed', lastTriedAtMs, reason, httpStatus: null };
  }
}
