import { assertNever } from '../../domain/assert-never.js';
import type {
  ConversationEvent,
  ConversationEventData,
} from '../../domain/conversation/conversation.events.js';
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
      return summarizedWords(event.data);
    case 'llmq.conversation.erased.v1':
      return `Conversation erased by ${event.data.by} with ${counted(event.data.messages, 'message')}: ${event.data.reason}.`;
    case 'llmq.conversation.erasure-begun.v1':
      return 'Being erased from the log.';
    case 'llmq.conversation.erasure-finished.v1':
      return `Erased from the log too, with ${counted(event.data.events, 'event')}.`;
    default:
      return assertNever(event);
  }
}

function summarizedWords(data: ConversationEventData['llmq.conversation.summarized.v1']): string {
  const { turns, model, up_to_message_id: upTo, up_to_sequence: place } = data;
  const what = turns == null ? '' : ` (${counted(turns, 'turn')} more)`;
  return `Summed up by model ${model} as far as ${upTo == null ? `sequence ${place}` : `message ${upTo}`}${what}.`;
}
