import type { CloudEventContext } from '../cloud-event.events.js';
import {
  type ConversationEventOf,
  type ConversationFields,
  conversationEvent,
} from './conversation.events.js';

export type NewConversation = Partial<ConversationFields> & Pick<ConversationFields, 'user_id'>;

/** A new conversation is active, and queues what is sent to it while a turn runs, unless it says otherwise. */
export function createConversation(
  context: CloudEventContext,
  wanted: NewConversation,
): ConversationEventOf<'llmq.conversation.created.v1'> {
  return conversationEvent(context, 'llmq.conversation.created.v1', {
    user_id: wanted.user_id,
    title: wanted.title ?? null,
    context: wanted.context ?? null,
    priority: wanted.priority ?? null,
    model: wanted.model ?? null,
    double_texting: wanted.double_texting ?? 'enqueue',
    metadata: wanted.metadata ?? {},
    ...(wanted.given_id == null ? {} : { given_id: wanted.given_id }),
  });
}
