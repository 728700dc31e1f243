import type { CloudEventContext } from '../cloud-event.events.js';
import { type ConversationEventOf, conversationEvent } from './conversation.events.js';

/** An event must fit into one record of the log; so many ids are some 400 kB. */
export const MESSAGES_PER_ERASURE = 10_000;

export interface Erasure {
  readonly messageIds: readonly string[];
  readonly by: string;
  readonly reason: string;
}

/**
 * The erasure of a conversation with all its messages. The first event is the one that counts; further ones name the
 * messages for which it has no room. Each goes into a record of its own, since it stays when the others are erased.
 */
export function eraseConversation(
  context: CloudEventContext,
  { messageIds, by, reason }: Erasure,
): ConversationEventOf<'llmq.conversation.erased.v1'>[] {
  const events: ConversationEventOf<'llmq.conversation.erased.v1'>[] = [];
  for (let from = 0; from === 0 || from < messageIds.length; from += MESSAGES_PER_ERASURE) {
    const message_ids = messageIds.slice(from, from + MESSAGES_PER_ERASURE);
    const data = { by, reason, messages: messageIds.length, message_ids };
    events.push(conversationEvent(context, 'llmq.conversation.erased.v1', data));
  }
  return events;
}
