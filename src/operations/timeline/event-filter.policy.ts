import type { AdminEvent } from '../../domain/admin/admin.events.js';
import type { ConversationEvent } from '../../domain/conversation/conversation.events.js';
import type { ErasureEvent } from '../../domain/erasure/erasure.events.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { MessageEvent } from '../../domain/message/message.events.js';

type AnyEvent = MessageEvent | ConversationEvent | ErasureEvent | AdminEvent;

/** Which events match; every field that is set must hold. */
export interface EventFilter {
  readonly tenant?: string;
  /** Inclusive, ISO 8601 in UTC. */
  readonly from?: string;
  /** Exclusive, ISO 8601 in UTC. */
  readonly to?: string;
  readonly types?: readonly string[];
  readonly userId?: string;
  readonly conversationId?: string;
  readonly priority?: Lane;
  readonly messageId?: string;
}

/** The owner of a message. Only its first event names the owner; for later events it must be looked up. */
export interface Owner {
  readonly userId: string;
  readonly conversationId: string | null;
}

/**
 * Whether an event matches. `ask_owner`: that depends on the owner of its message, which the event does not hold.
 */
export function matches(filter: EventFilter, event: AnyEvent): 'yes' | 'no' | 'ask_owner' {
  if (!matchesItself(filter, event)) return 'no';
  if (filter.userId === undefined && filter.conversationId === undefined) return 'yes';
  if (isOfMessage(event)) return 'ask_owner';
  if (isOfErasure(event)) return 'no';
  return isOfConversation(event) ? ofConversation(filter, event) : ofAdmin(filter, event);
}

export function matchesOwner({ userId, conversationId }: EventFilter, owner: Owner): boolean {
  return (
    (userId === undefined || owner.userId === userId) &&
    (conversationId === undefined || owner.conversationId === conversationId)
  );
}

/** `completed` and `message.completed` mean `llmq.message.completed.v1`. */
export function typesNamed(name: string, types: readonly string[]): string[] {
  return types.filter((type) => {
    const middle = type.slice('llmq.'.length, type.lastIndexOf('.'));
    return name === type || name === middle || name === middle.slice(middle.indexOf('.') + 1);
  });
}

function matchesItself(filter: EventFilter, event: AnyEvent): boolean {
  const { tenant, types, from, to, messageId, priority } = filter;
  return (
    (tenant === undefined || event.tenant === tenant) &&
    (types === undefined || types.includes(event.type)) &&
    (from === undefined || Date.parse(event.time) >= Date.parse(from)) &&
    (to === undefined || Date.parse(event.time) < Date.parse(to)) &&
    (messageId === undefined || (isOfMessage(event) && event.subject === messageId)) &&
    (priority === undefined || laneOf(event) === priority)
  );
}

function laneOf(event: AnyEvent): Lane | null {
  if (isOfMessage(event)) return event.lane;
  if ('lane' in event.data) return event.data.lane;
  return 'priority' in event.data ? event.data.priority : null;
}

function ofConversation({ userId, conversationId }: EventFilter, event: ConversationEvent): 'yes' | 'no' {
  const user = 'user_id' in event.data ? event.data.user_id : null;
  const wanted =
    (conversationId === undefined || event.subject === conversationId) &&
    (userId === undefined || user === userId);
  return wanted ? 'yes' : 'no';
}

function ofAdmin({ userId, conversationId }: EventFilter, event: AdminEvent): 'yes' | 'no' {
  const user = 'user_id' in event.data ? event.data.user_id : null;
  return conversationId === undefined && user === userId ? 'yes' : 'no';
}

function isOfMessage(event: AnyEvent): event is MessageEvent {
  return event.type.startsWith('llmq.message.');
}

/** It is of no user, and of messages of many conversations. */
function isOfErasure(event: AnyEvent): event is ErasureEvent {
  return event.type.startsWith('llmq.erasure.');
}

function isOfConversation(event: AnyEvent): event is ConversationEvent {
  return event.type.startsWith('llmq.conversation.');
}
