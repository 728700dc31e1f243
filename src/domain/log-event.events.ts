import { type AdminEvent, type AdminEventType, adminEventSchemas } from './admin/admin.events.js';
import type { CloudEvent } from './cloud-event.events.js';
import {
  type ConversationEvent,
  type ConversationEventType,
  conversationEventSchemas,
} from './conversation/conversation.events.js';
import { type ErasureEvent, type ErasureEventType, erasureEventSchemas } from './erasure/erasure.events.js';
import { type MessageEvent, type MessageEventType, messageEventSchemas } from './message/message.events.js';

/**
 * What a reader finds in the place of a record that no process of the service has written. It is never stored: it is made
 * of such a record when it is read, has no time and belongs to no tenant, and changes nothing.
 */
export const STRAY_RECORD = 'llmq.stray';
export type StrayRecord = CloudEvent<typeof STRAY_RECORD, { readonly bytes: number }>;

/** Every event that the log can hold: the union lies with the events, so that the log imports none of its users. */
export type WrittenEvent = MessageEvent | ConversationEvent | ErasureEvent | AdminEvent;
export type LogEvent = WrittenEvent | StrayRecord;
export type LogEventType = MessageEventType | ConversationEventType | ErasureEventType | AdminEventType;

/** The schema of every type's data. */
export const logEventSchemas = {
  ...messageEventSchemas,
  ...conversationEventSchemas,
  ...erasureEventSchemas,
  ...adminEventSchemas,
} as const;

export const LOG_EVENT_TYPES = Object.keys(logEventSchemas) as LogEventType[];

export function isStrayRecord(event: LogEvent): event is StrayRecord {
  return event.type === STRAY_RECORD;
}

export function strayRecord(streamSequence: number, bytes: number): StrayRecord {
  return {
    ...{
      specversion: '1.0',
      id: `stray-${streamSequence}`,
      source: '/llm-message-queue',
      type: STRAY_RECORD,
    },
    ...{ subject: 'log', time: '1970-01-01T00:00:00.000Z', datacontenttype: 'application/json', tenant: '' },
    data: { bytes },
  };
}

export const isMessageEvent = (event: LogEvent): event is MessageEvent => isMessageEventType(event.type);

export function isMessageEventType(type: LogEvent['type']): type is MessageEventType {
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
