import type { ConversationEvent } from '../conversation/conversation.events.js';
import { counted } from './words.policy.js';

/** What happened to a conversation, in a sentence for people. */
export function conversationWords(event: ConversationEvent): string {
  switch (event.type) {
    case 'llmq.conversation.created.v1':
      return `Conversation opened by user ${event.data.user_id}${event.data.title === null ? '' : `: ${event.data.title}`}.`;
    case 'llmq.conversation.updated.v1':
      return `Conversation changed by ${event.data.by}: ${Object.keys(event.data.changes).join(', ') || 'nothing'}.`;
    case 'llmq.conversation.state-changed.v1':
      return `Conversation went from ${event.data.from} to ${event.data.to} by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.conversation.summarized.v1':
      return `Summed up by model ${event.data.model} as far as sequence ${event.data.up_to_sequence}.`;
    case 'llmq.conversation.erased.v1':
      return `Conversation erased by ${event.data.by} with ${counted(event.data.messages, 'message')}: ${event.data.reason}.`;
    case 'llmq.conversation.erasure-finished.v1':
      return `Erased from the log too, with ${counted(event.data.events, 'event')}.`;
    default:
      return assertNever(event);
  }
}

function assertNever(event: never): never {
  throw new Error(`No words for event ${JSON.stringify(event)}`);
}
