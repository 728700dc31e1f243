import { type ConversationState, evolveConversation } from '../../domain/conversation/conversation.state.js';
import type { EventLog } from '../../log/event-log.port.js';

/** A conversation as it was when it was made. */
export interface MadeConversation {
  readonly conversation: ConversationState;
  /** Where its creation lies in the log. */
  readonly sequence: number;
}

/** The conversation that was made by the event at this place; null where that was erased. */
export async function madeAt(log: EventLog, sequence: number): Promise<MadeConversation | null> {
  const stored = await log.get(sequence);
  if (stored?.event.type !== 'llmq.conversation.created.v1') return null;
  return { conversation: evolveConversation(null, stored.event, sequence), sequence };
}
