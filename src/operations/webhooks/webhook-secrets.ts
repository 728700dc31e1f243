import { Inject, Injectable } from '@nestjs/common';
import { Webhook } from 'standardwebhooks';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';

/** Signs webhooks by the Standard Webhooks specification, with every secret of the key that its message was sent with. */
@Injectable()
export class WebhookSecrets {
  private readonly ofKeys: ReadonlyMap<string, readonly Webhook[]>;
  private readonly everybodys: readonly Webhook[];

  constructor(@Inject(SERVICE_CONFIG) { webhooks, security }: ServiceConfig) {
    this.everybodys = webhooks.secrets.map((secret) => new Webhook(secret));
    this.ofKeys = new Map(
      security.api_keys.flatMap(({ name, webhook_secrets: secrets }) =>
        secrets === undefined ? [] : [[name, secrets.map((secret) => new Webhook(secret))] as const],
      ),
    );
  }

  /** The headers of one sending; null where there is no secret to sign with. */
  headers(keyName: string | null, id: string, body: string, nowMs: number): Record<string, string> | null {
    const secrets = (keyName === null ? undefined : this.ofKeys.get(keyName)) ?? this.everybodys;
    if (secrets.length === 0) return null;
    const now = new Date(nowMs);
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(nowMs / 1_000)),
      'webhook-signature': secrets.map((secret) => secret.sign(id, now, body)).join(' '),
    };
  }
}
