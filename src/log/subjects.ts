import {
  isAdminEvent,
  isConversationEvent,
  type LogEvent,
  type LogEventType,
} from '../domain/log-event.events.js';
import type { Lane } from '../domain/message/message.events.js';
import type { EventKind } from './event-log.port.js';

/** Shards exist so that tenants can later be served fairly without a new subject layout. */
export const SHARDS = 16;

/** FNV-1a, 32 bit (Fowler, Noll, Vo), over UTF-16 code units: stable for ever, since shards are part of stored subjects. */
export function shardOf(tenant: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < tenant.length; index += 1) {
    hash = Math.imul(hash ^ tenant.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % SHARDS;
}

/** `llmq.message.attempt-failed.v1` is `attempt-failed` in subjects. */
export function eventName(type: LogEventType): string {
  return type.slice(type.indexOf('.', 'llmq.'.length) + 1, type.lastIndexOf('.'));
}

export function subjectOf(event: LogEvent): string {
  if (isAdminEvent(event)) return `llmq.events.admin.${eventName(event.type)}.0`;
  if (isConversationEvent(event)) {
    return `llmq.events.conversation.${eventName(event.type)}.${shardOf(event.tenant)}`;
  }
  return `llmq.events.${event.lane}.${eventName(event.type)}.${shardOf(event.tenant)}`;
}

/** What a reader of one kind of events filters on. */
export function subjectsOf(kind: EventKind): string {
  return `llmq.events.${kind}.>`;
}

/** What a lane's consumer filters on: every message that entered the lane, of all tenants. */
export function laneSubject(lane: Lane): string {
  return `llmq.events.${lane}.prioritized.*`;
}
