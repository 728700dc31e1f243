import { type AdminEvent, type AdminEventType, adminEventSchemas } from './admin/admin.events.js';
import {
  type ConversationEvent,
  type ConversationEventType,
  conversationEventSchemas,
} from './conversation/conversation.events.js';
import { type ErasureEvent, type ErasureEventType, erasureEventSchemas } from './erasure/erasure.events.js';
import { type MessageEvent, type MessageEventType, messageEventSchemas } from './message/message.events.js';

/** Every event that the log can hold: the union lies with the events, so that the log imports none of its users. */
export type LogEvent = MessageEvent | ConversationEvent | ErasureEvent | AdminEvent;
export type LogEventType = MessageEventType | ConversationEventType | ErasureEventType | AdminEventType;

/** The schema of every type's data. */
export const logEventSchemas = {
  ...messageEventSchemas,
  ...conversationEventSchemas,
  ...erasureEventSchemas,
  ...adminEventSchemas,
} as const;

export const LOG_EVENT_TYPES = Object.keys(logEventSchemas) as LogEventType[];

export const isMessageEvent = (event: LogEvent): event is MessageEvent => isMessageEventType(event.type);

export function isMessageEventType(type: LogEventType): type is MessageEventType {
  return type.startsWith('llmq.message.');
}

export function isConversationEvent(event: LogEvent): event is ConversationEvent {
  return event.type.startsWith('llmq.conversation.');
}

export function isErasureEvent(event: LogEvent): event is ErasureEvent {
  return event.type.startsWith('llmq.erasure.');
}

export function isAdminEvent(event: LogEvent): event is AdminEvent {
  return event.type.startsWith('llmq.admin.');
}
