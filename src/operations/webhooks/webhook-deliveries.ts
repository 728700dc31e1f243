import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { messageEvent } from '../../domain/message/message.events.js';
import type { Callback } from '../../domain/webhook/callback.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import type { Page, PageOrder } from '../../projection/read/page.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { type WebhookFilter, WebhookReader, type WebhookView } from '../../projection/read/webhook-reader.js';
import { invalidFields } from '../../submission/refusal.js';
import { testBody } from './webhook-body.policy.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { type WebhookAnswer, webhookVerdict } from './webhook-verdict.policy.js';

/** What came of a test. */
export interface WebhookTest extends WebhookAnswer {
  /** The `webhook-id` that was sent. */
  readonly id: string;
  readonly url: string;
  readonly delivered: boolean;
  /** Null where it was delivered. */
  readonly reason: string | null;
}

/** What admins see of the webhooks of their tenant, and do with them. */
@Injectable()
export class WebhookDeliveries {
  constructor(
    @Inject(WebhookReader) private readonly reader: WebhookReader,
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'append'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(WebhookClient) private readonly client: Pick<WebhookClient, 'send'>,
    @Inject(WebhookSecrets) private readonly secrets: Pick<WebhookSecrets, 'headers'>,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /** @throws {InvalidCursorError} */
  list(
    filter: WebhookFilter,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<WebhookView>> {
    return this.reader.list(filter, order, limit, cursor);
  }

  /** Null for an unknown one and for another tenant's. */
  find(tenant: string, id: string): Promise<WebhookView | null> {
    return this.reader.find(tenant, id);
  }

  /**
   * Has it delivered once more, under the same id and with all its tries again, whatever has become of it.
   *
   * @returns it as it is then; null for an unknown one and for another tenant's
   * @throws what `EventLog.append` throws
   */
  async redeliver({ tenant, name }: Caller, id: string): Promise<WebhookView | null> {
    const known = await this.reader.find(tenant, id);
    const webhook = known && (await this.reader.sendable(known.messageId, id));
    if (webhook === null) return null;
    const { messageId, lane, type, createdAt: ended_at } = webhook;
    const { nowMs, newId } = this.sources;
    const context = {
      messageId,
      tenant,
      lane,
      now: new Date(nowMs()).toISOString(),
      newId,
      ...webhook.trace,
    };
    const event = messageEvent(context, 'llmq.message.webhook-wanted.v1', {
      webhook: { id, type, ended_at, round: webhook.round + 1 },
      by: name,
    });
    const { firstSequence } = await this.log.append([event]);
    await this.position.waitFor(firstSequence, this.config.projection.read_wait_ms);
    return this.reader.find(tenant, id);
  }

  /**
   * Sends a webhook about nothing, at once and once.
   *
   * @param url the caller's configured one when null
   * @throws {RefusedError} `invalid_fields`, where there is no URL, or no secret to sign with
   */
  async test({ name }: Caller, url: string | null): Promise<WebhookTest> {
    const callback: Callback | null = url === null ? this.configured(name) : { url, named_by: 'message' };
    if (callback === null) {
      throw invalidFields([{ field: 'url', reason: 'is missing, and none is configured' }]);
    }
    const id = this.sources.newId();
    const nowMs = this.sources.nowMs();
    const body = testBody(id, new Date(nowMs).toISOString());
    const headers = this.secrets.headers(name, id, body, nowMs);
    if (headers === null) {
      throw invalidFields([
        { field: 'url', reason: 'can not be told: webhooks.secrets is empty, so that nothing can be signed' },
      ]);
    }
    const answer = await this.client.send(callback, headers, body);
    const { outcome, reason } = webhookVerdict(answer, 1, [], 0);
    return { ...answer, id, url: callback.url, delivered: outcome === 'delivered', reason };
  }

  private configured(keyName: string): Callback | null {
    const { security, webhooks } = this.config;
    const url = security.api_keys.find(({ name }) => name === keyName)?.callback_url ?? webhooks.url;
    return url === '' ? null : { url, named_by: 'configuration' };
  }
}
