import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { Receivers } from '../../webhooks/receivers.js';
import { batchBody } from '../../webhooks/webhook-body.policy.js';
import { WebhookClient } from '../../webhooks/webhook-client.js';
import { WebhookSecrets } from '../../webhooks/webhook-secrets.js';
import { webhookVerdict } from '../../webhooks/webhook-verdict.policy.js';
import { type Batch, type BatchWebhook, endedAtMs, told } from '../batch.state.js';
import type { BatchRecord } from './batch-record.js';

type Told = Pick<BatchWebhook, 'tries' | 'nextAtMs' | 'outcome'>;

/**
 * Tells by a webhook that a batch has ended, with OpenAI's types (`batch.completed`, ...): signed and tried again as the
 * webhooks of messages are, at least once and under one id. Its place in its life is kept with the batch, whose holder
 * sends it. It is in no list of deliveries, which are about messages.
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
   * @throws what `BatchRecord.change` throws; it may be told once more then
   */
  async tell(record: BatchRecord, signal: AbortSignal): Promise<void> {
    for (let batch = record.known; batch.webhook?.outcome === 'waiting'; batch = record.known) {
      const { webhook } = batch;
      const waitMs = webhook.nextAtMs - this.sources.nowMs();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal });
      signal.throwIfAborted();
      const change = await this.tryNow(batch, webhook);
      await record.change((known) => told(known, change));
    }
  }

  private async tryNow(batch: Batch, { id, callback, tries, nextAtMs }: BatchWebhook): Promise<Told> {
    const failed: Told = { tries, nextAtMs, outcome: 'failed' };
    if (this.receivers.isOff(batch.tenant, callback.url)) return failed;
    const nowMs = this.sources.nowMs();
    const endedAt = new Date(endedAtMs(batch) ?? nowMs).toISOString();
    const body = batchBody(id, `batch.${batch.status}`, endedAt, batch.id);
    const headers = this.secrets.headers(batch.caller.name, id, body, nowMs);
    if (headers === null) return failed;
    const answer = await this.client.send(callback, headers, body);
    const { retry_times_ms: times } = this.config.webhooks;
    const verdict = webhookVerdict(answer, tries + 1, times, this.sources.random());
    if (verdict.outcome === 'failed' && verdict.isGone) {
      await this.receivers.switchOff(batch.tenant, callback.url, 'it answered 410');
    }
    if (verdict.outcome !== 'retrying') return { tries: tries + 1, nextAtMs, outcome: verdict.outcome };
    return { tries: tries + 1, nextAtMs: this.sources.nowMs() + verdict.delayMs, outcome: 'waiting' };
  }
}
