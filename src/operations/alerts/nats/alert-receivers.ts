import type { NatsConnection } from '@nats-io/transport-node';
import type { Sources } from '../../../platform/clock.js';
import type { ServiceConfig } from '../../../platform/config/service-config.js';
import { EgressPolicy } from '../../../platform/security/egress.js';
import type { Alert, AlertReceiver } from '../alert.port.js';
import { Webhook } from '../webhook.js';

/** @throws {Error} if a secret is named but not set: its webhooks must not go out unsigned */
export function alertReceivers(
  nats: NatsConnection,
  config: ServiceConfig,
  sources: Sources,
): readonly AlertReceiver[] {
  const {
    webhook_url: url,
    webhook_secret_env: secretEnv,
    webhook_timeout_ms: withinMs,
  } = config.queue.dead_letters;
  const subject: AlertReceiver = {
    ...{ name: 'subject', withinMs },
    deliver: (alert) => publishAlert(nats, alert),
  };
  if (url === '') return [subject];
  const connector = new EgressPolicy(config).connector({ namedBy: 'configuration', timeout: withinMs });
  const webhook = new Webhook({ url, secret: secretOf(secretEnv), timeoutMs: withinMs, connector });
  return [
    subject,
    { name: 'webhook', withinMs, deliver: (alert) => webhook.deliver(alert, sources.nowMs()) },
  ];
}

function secretOf(name: string): string | null {
  if (name === '') return null;
  const secret = process.env[name];
  if (secret === undefined || secret === '') {
    throw new Error(`queue.dead_letters.webhook_secret_env names ${name}, which is not set.`);
  }
  return secret;
}

/** `llmq.alerts.dead-letter`, `llmq.alerts.projection-stopped`: for subscribers; no stream stores them. */
function alertSubject({ type }: Alert): string {
  return `llmq.alerts.${type.replaceAll('_', '-')}`;
}

/** Resolves when the server has it. */
async function publishAlert(nats: NatsConnection, alert: Alert): Promise<void> {
  nats.publish(alertSubject(alert), JSON.stringify(alert));
  await nats.flush();
}
