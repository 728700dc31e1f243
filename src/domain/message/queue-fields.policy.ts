/**
 * Fields of a message that are the queue's, by REST's names. None of them is sent to a model: what a client hands to the
 * model under one of these names was meant for the queue, and is refused rather than dropped.
 */
export const QUEUE_FIELDS = [
  ...['priority', 'user_priority', 'user_id', 'conversation_id', 'double_texting'],
  ...['max_retries', 'timeout_ms', 'retry_backoff', 'failover', 'fallbacks', 'routing'],
  ...['delay', 'scheduled_at', 'ttl', 'deadline', 'replay_of', 'idempotency_key', 'callback_url'],
] as const;

export type QueueField = (typeof QUEUE_FIELDS)[number];

const NAMES: ReadonlySet<string> = new Set(QUEUE_FIELDS);

/** A `priority` that is a number is a model's own: vLLM has one. */
export function isQueueField(name: string, value: unknown): name is QueueField {
  if (name === 'priority') return typeof value === 'string';
  return NAMES.has(name);
}
