import type { CloudEventContext } from '../cloud-event.events.js';
import {
  type ConversationEvent,
  type ConversationEventOf,
  type ConversationFields,
  type ConversationLifeState,
  conversationEvent,
} from './conversation.events.js';
import { type ConversationState, type ConversationStateName, mayMove } from './conversation.state.js';

export type ConversationChanges = Partial<Omit<ConversationFields, 'user_id' | 'given_id'>>;

export interface WantedChange {
  readonly changes: ConversationChanges;
  readonly state?: ConversationLifeState | undefined;
}

export type ChangeDecision =
  | { readonly kind: 'events'; readonly events: readonly ConversationEvent[] }
  | {
      readonly kind: 'wrong_move';
      readonly from: ConversationStateName;
      readonly to: ConversationLifeState;
    };

export interface Decider {
  readonly by: string;
  readonly reason: string;
}

/** What changes a conversation into the wanted one: nothing where it is so already, and nothing at all on a wrong move. */
export function changeConversation(
  context: CloudEventContext,
  conversation: ConversationState,
  { changes, state }: WantedChange,
  { by, reason }: Decider,
): ChangeDecision {
  const moves = state !== undefined && state !== conversation.state;
  if (moves && !mayMove(conversation.state, state)) {
    return { kind: 'wrong_move', from: conversation.state, to: state };
  }
  const real = realChanges(conversation, changes);
  return {
    kind: 'events',
    events: [
      ...(Object.keys(real).length === 0
        ? []
        : [conversationEvent(context, 'llmq.conversation.updated.v1', { changes: real, by })]),
      ...(moves ? [stateChanged(context, conversation, state, { by, reason })] : []),
    ],
  };
}

/** @param to a state that `mayMove` allows */
export function stateChanged(
  context: CloudEventContext,
  { state: from }: ConversationState,
  to: ConversationLifeState,
  { by, reason }: Decider,
): ConversationEventOf<'llmq.conversation.state-changed.v1'> {
  if (from === 'erased') throw new Error('An erased conversation has no further states.');
  return conversationEvent(context, 'llmq.conversation.state-changed.v1', { from, to, by, reason });
}

function realChanges(conversation: ConversationState, changes: ConversationChanges): ConversationChanges {
  const now: Required<ConversationChanges> = {
    title: conversation.title,
    context: conversation.context,
    priority: conversation.priority,
    model: conversation.model,
    double_texting: conversation.doubleTexting,
    metadata: conversation.metadata,
  };
  return Object.fromEntries(
    Object.entries(changes).filter(
      ([name, value]) =>
        value !== undefined && JSON.stringify(value) !== JSON.stringify(now[name as keyof typeof now]),
    ),
  );
}
