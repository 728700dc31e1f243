import { isQueueField, type QueueField } from '../../domain/message/queue-fields.policy.js';
import type { FieldProblem } from '../../submission/refusal.js';

/** What a call carries in place of a field that only REST has. Those that it reads from its body are not here. */
const HEADERS: Readonly<Partial<Record<QueueField, string>>> = {
  priority: 'x-llmq-priority',
  user_priority: 'x-llmq-priority',
  user_id: 'x-llmq-user-id',
  conversation_id: 'x-llmq-conversation-id',
  max_retries: 'x-llmq-max-retries',
  timeout_ms: 'x-llmq-timeout-ms',
  failover: 'x-llmq-failover',
  routing: 'x-llmq-strategy or x-llmq-session',
  idempotency_key: 'Idempotency-Key',
  callback_url: 'x-llmq-callback-url',
};

/** Adds each field that is neither read here nor sent to a model, with the place where it belongs. */
export function addMisplaced(parameters: Readonly<Record<string, unknown>>, problems: FieldProblem[]): void {
  for (const field in parameters) {
    if (isQueueField(field, parameters[field])) problems.push({ field, reason: reasonFor(field) });
  }
}

function reasonFor(field: QueueField): string {
  const header = HEADERS[field];
  return header === undefined
    ? 'belongs to the queue, which takes it over REST only (POST /api/v1/messages)'
    : `belongs to the queue: send it as the header ${header}`;
}
