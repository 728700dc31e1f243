import type { ModelRequest } from '../../../domain/message/message.events.js';

/**
 * What belongs to the queue or to the way it calls, and never reaches an endpoint: strict providers refuse fields that
 * they don't know, and `metadata` or user ids may be private to the queue's users.
 */
const NOT_FOR_ENDPOINTS: ReadonlySet<string> = new Set([
  'content',
  'messages',
  'model',
  'stream',
  'stream_options',
  'priority',
  'service_tier',
  'metadata',
  'store',
  'user_id',
  'conversation_id',
  'max_retries',
  'timeout_ms',
  'retry_backoff',
  'delay',
  'scheduled_at',
  'ttl',
  'deadline',
  'double_texting',
  'replay_of',
  'user_priority',
  'idempotency_key',
]);

/** The body of `POST /chat/completions`. Always streamed, so that listeners and the first-token limit see what comes. */
export function chatRequest(request: ModelRequest, model: string): Record<string, unknown> {
  const parameters = Object.entries(request.parameters).filter(([name]) => !NOT_FOR_ENDPOINTS.has(name));
  return {
    ...Object.fromEntries(parameters),
    model,
    messages: request.messages ?? [{ role: 'user', content: request.content ?? '' }],
    stream: true,
    // Without it the OpenAI protocol leaves the usage out of streams.
    stream_options: { include_usage: true },
  };
}
