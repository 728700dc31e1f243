import { z } from 'zod';
import {
  isMessageEventType,
  LOG_EVENT_TYPES,
  type LogEvent,
  type LogEventType,
  logEventSchemas,
} from '../domain/log-event.events.js';
import { LANES } from '../domain/message/lane.policy.js';
import { MalformedEventError } from './event-log.errors.js';
import { type Predicate, predicateOf } from './schema-predicate.js';
import { UPCASTS, upcast } from './upcast.js';

/** The schema of a whole event of this type: CloudEvents' attributes, ours, and its data. */
export function eventSchema<T extends LogEventType>(type: T) {
  return z.object({
    specversion: z.literal('1.0'),
    id: z.string().min(1),
    source: z.literal('/llm-message-queue'),
    type: z.literal(type),
    subject: z.string().min(1),
    time: z.iso.datetime(),
    datacontenttype: z.literal('application/json'),
    tenant: z.string().min(1),
    ...(isMessageEventType(type) ? { lane: z.enum(LANES) } : {}),
    traceparent: z.string().optional(),
    tracestate: z.string().optional(),
    data: logEventSchemas[type],
  });
}

interface EventCheck {
  readonly schema: z.ZodType;
  readonly accepts: Predicate;
}

const checks = new Map<unknown, EventCheck>(
  LOG_EVENT_TYPES.map((type) => {
    const schema = eventSchema(type);
    return [type, { schema, accepts: predicateOf(schema) }];
  }),
);

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws {MalformedEventError} for bytes that are not JSON in UTF-8 */
export function parseJson(bytes: Uint8Array, sequence: number | null): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new MalformedEventError(`not JSON in UTF-8 (${(error as Error).message})`, sequence);
  }
}

/**
 * The event as it was stored (or, where its version is written no more, as its steps make it), not as the schema
 * rebuilds it: that one drops what it does not know, and a property that a client named `__proto__`.
 * @throws {MalformedEventError} for a value that is not one of this version's events
 */
export function checkedEvent(value: unknown, sequence: number | null, upcasts = UPCASTS): LogEvent {
  const type = typeOf(value);
  const check = checks.get(type);
  if (check === undefined) {
    const later = upcast(value, sequence, upcasts);
    if (typeOf(later) !== type) return checkedEvent(later, sequence, upcasts);
    throw new MalformedEventError(`unknown type ${JSON.stringify(type)}`, sequence);
  }
  if (check.accepts(value)) return value as LogEvent;
  // The schema has the last word, and says what is wrong.
  const { error } = check.schema.safeParse(value);
  if (error !== undefined) throw new MalformedEventError(z.prettifyError(error), sequence);
  return value as LogEvent;
}

function typeOf(value: unknown): unknown {
  return (value as { type?: unknown } | null)?.type;
}
