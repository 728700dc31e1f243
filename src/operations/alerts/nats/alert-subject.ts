import type { NatsConnection } from '@nats-io/transport-node';
import type { Alert } from '../alert.js';

/** `llmq.alerts.dead-letter`, `llmq.alerts.projection-stopped`: captured by no stream, for who listens. */
function alertSubject({ type }: Alert): string {
  return `llmq.alerts.${type.replaceAll('_', '-')}`;
}

/** Tells whoever subscribes. Resolves when the server has it. */
export async function publishAlert(nats: NatsConnection, alert: Alert): Promise<void> {
  nats.publish(alertSubject(alert), JSON.stringify(alert));
  await nats.flush();
}
