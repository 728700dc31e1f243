import type { NatsConnection } from '@nats-io/transport-node';
import type { DeadLetterAlert } from '../dead-letter-alert.js';

/** Captured by no stream: it is for who listens. */
export const ALERT_SUBJECT = 'llmq.alerts.dead-letter';

/** Tells whoever subscribes. Resolves when the server has it. */
export async function publishAlert(nats: NatsConnection, alert: DeadLetterAlert): Promise<void> {
  nats.publish(ALERT_SUBJECT, JSON.stringify(alert));
  await nats.flush();
}
