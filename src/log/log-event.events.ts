import { type AdminEvent, type AdminEventType, adminEventSchemas } from '../domain/admin/admin.events.js';
import {
  type ConversationEvent,
  type ConversationEventType,
  conversationEventSchemas,
} from '../domain/conversation/conversation.events.js';
import {
  type MessageEvent,
  type MessageEventType,
  messageEventSchemas,
} from '../domain/message/message.events.js';

/** Everything that the log can hold. */
export type LogEvent = MessageEvent | ConversationEvent | AdminEvent;
export type LogEventType = MessageEventType | ConversationEventType | AdminEventType;

/** The schema of every type's data. */
export const logEventSchemas = {
  ...messageEventSchemas,
  ...conversationEventSchemas,
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

export function isAdminEvent(event: LogEvent): event is AdminEvent {
  return event.type.startsWith('llmq.admin.');
}
