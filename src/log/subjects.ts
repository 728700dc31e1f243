import {
  isAdminEvent,
  isConversationEvent,
  isErasureEvent,
  isStrayRecord,
  type LogEvent,
  type LogEventType,
} from '../domain/log-event.events.js';
import type { Lane } from '../domain/message/lane.policy.js';
import type { EventKind } from './event-log.port.js';

/** Shards exist so that tenants can later be served fairly without a new subject layout. */
export const SHARDS = 16;

/** FNV-1a, 32 bit (Fowler, Noll, Vo), over UTF-16 code units: stable for ever, since it is part of stored subjects. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

export function shardOf(tenant: string): number {
  return hashOf(tenant) % SHARDS;
}

/** The route of what wants whichever model is the default when it is called. No model's route is spelled so. */
export const DEFAULT_ROUTE = 'default';
const SLUG_LENGTH = 24;
/** A process names few models, and asks for the route of each message. */
const routes = new Map<string, string>();
const ROUTES_KEPT = 1_000;

/**
 * The token of a model in the subject of what waits for it: readable as far as the name can stand in a subject, and told
 * apart by a hash of the whole name.
 */
export function routeOf(model: string | null | undefined): string {
  if (model == null) return DEFAULT_ROUTE;
  const known = routes.get(model);
  if (known !== undefined) return known;
  const slug = model.toLowerCase().replace(/[^a-z0-9_-]+/g, '-');
  const route = `${slug.slice(0, SLUG_LENGTH)}-${hashOf(model).toString(16).padStart(8, '0')}`;
  if (routes.size >= ROUTES_KEPT) routes.clear();
  routes.set(model, route);
  return route;
}

/** `llmq.message.attempt-failed.v1` is `attempt-failed` in subjects. */
export function eventName(type: LogEventType): string {
  return type.slice(type.indexOf('.', 'llmq.'.length) + 1, type.lastIndexOf('.'));
}

export function subjectOf(event: LogEvent): string {
  if (isStrayRecord(event)) throw new TypeError('A stray record is read, and never written.');
  if (isAdminEvent(event)) return `llmq.events.admin.${eventName(event.type)}.0`;
  if (isConversationEvent(event)) {
    return `llmq.events.conversation.${eventName(event.type)}.${shardOf(event.tenant)}`;
  }
  if (isErasureEvent(event)) {
    return `llmq.events.erasure.${eventName(event.type)}.${shardOf(event.tenant)}`;
  }
  const route = event.type === 'llmq.message.prioritized.v1' ? `.${routeOf(event.data.model)}` : '';
  return `llmq.events.${event.lane}.${eventName(event.type)}${route}.${shardOf(event.tenant)}`;
}

/** What a reader of one kind of events filters on. */
export function subjectsOf(kind: EventKind): string {
  return `llmq.events.${kind}.>`;
}

/** What the consumer of a lane and route filters on: every message that entered there, of all tenants. */
export function routeSubject(lane: Lane, route: string): string {
  return `llmq.events.${lane}.prioritized.${route}.*`;
}

/** Every message that ever entered a lane by a route. */
export const EVERY_ROUTE_SUBJECT = 'llmq.events.*.prioritized.*.*';

/** The lane and the route in the subject of such a message; null for any other subject. */
export function routeIn(subject: string): { readonly lane: Lane; readonly route: string } | null {
  const [, , lane, event, route, shard, ...more] = subject.split('.');
  if (event !== 'prioritized' || route === undefined || shard === undefined || more.length > 0) return null;
  return { lane: lane as Lane, route };
}

/** Where an earlier version put what entered a lane, before there were routes. */
export function unroutedSubject(lane: Lane): string {
  return `llmq.events.${lane}.prioritized.*`;
}
