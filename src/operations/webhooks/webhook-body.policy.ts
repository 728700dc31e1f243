import { assertNever } from '../../domain/assert-never.js';
import { endedAs, responseId } from '../../domain/message/response.policy.js';
import type { WebhookType } from '../../domain/webhook/callback.events.js';

/** What of a webhook and its message a receiver is told. */
export interface ToldWebhook {
  readonly id: string;
  readonly type: WebhookType;
  readonly messageId: string;
  readonly userId: string;
  readonly conversationId: string | null;
  readonly metadata: Record<string, unknown>;
  readonly acceptedAt: string;
  readonly createdAt: string;
  /** Of a message that is a response of OpenAI's API, why its answer ended there; null for other messages. */
  readonly response: { readonly finishReason: string | null } | null;
}

/**
 * The body, in the form of OpenAI's webhooks: `data` names the message and what tells it from others, and no content. A
 * response is told by OpenAI's own types, which name it and nothing more.
 */
export function webhookBody({ id, type, createdAt, ...message }: ToldWebhook): string {
  const { messageId, userId, conversationId, metadata, acceptedAt, response } = message;
  if (response !== null) {
    return eventBody(id, responseType(type, response.finishReason), createdAt, { id: responseId(messageId) });
  }
  return eventBody(id, type, createdAt, {
    id: messageId,
    status: type.slice('message.'.length),
    user_id: userId,
    conversation_id: conversationId,
    metadata,
    created_at: acceptedAt,
    ended_at: createdAt,
  });
}

function responseType(type: WebhookType, finishReason: string | null): string {
  switch (type) {
    case 'message.completed':
      return `response.${endedAs(finishReason).status}`;
    case 'message.cancelled':
      return 'response.cancelled';
    // OpenAI has no word for a deadline.
    case 'message.failed':
    case 'message.expired':
      return 'response.failed';
    default:
      return assertNever(type);
  }
}

/** The same of a batch, which is named and nothing more. @param type such as `batch.completed` */
export function batchBody(id: string, type: string, time: string, batchId: string): string {
  return eventBody(id, type, time, { id: batchId });
}

/** What a test sends: no message has ended. */
export function testBody(id: string, now: string): string {
  return eventBody(id, 'webhook.test', now, { id });
}

function eventBody(id: string, type: string, time: string, data: Record<string, unknown>): string {
  return JSON.stringify({
    id,
    object: 'event',
    created_at: Math.floor(Date.parse(time) / 1_000),
    type,
    data,
  });
}
