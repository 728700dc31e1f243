import type { MessageDeadLettered } from '../../domain/message/message.events.js';
import type { Alert } from '../alerts/alert.js';

/** What webhooks and the subject `llmq.alerts.dead-letter` carry. Not the request or the answer: those are to be read over REST. */
export interface DeadLetterAlert extends Alert {
  readonly type: 'dead_letter';
  readonly message_id: string;
  readonly tenant: string;
  readonly priority: string;
  readonly reason: string;
  readonly attempt: number;
  readonly error: { readonly code: string; readonly message: string; readonly status: number | null };
  /** ISO 8601, UTC. */
  readonly failed_at: string;
}

export function alertOf({ id, subject, tenant, lane, time, data }: MessageDeadLettered): DeadLetterAlert {
  const { code, message, status } = data.error;
  return {
    type: 'dead_letter',
    id,
    message_id: subject,
    tenant,
    priority: lane,
    reason: data.reason,
    attempt: data.attempt,
    error: { code, message, status },
    failed_at: time,
  };
}
