import { z } from 'zod';
import { isMessageEventType, LOG_EVENT_TYPES, type LogEventType } from '../domain/log-event.events.js';
import { LANES } from '../domain/message/lane.policy.js';
import { eventSchema } from './cloud-event.codec.js';
import { DEFAULT_ROUTE, eventName, SHARDS } from './subjects.js';

/**
 * The log's part of the AsyncAPI document: one channel for each event type, which is its subject, and the event as
 * structured CloudEvent. Made from the schemas that the codec checks, so the two can't differ.
 */
export function eventsPart() {
  return {
    channels: Object.fromEntries(LOG_EVENT_TYPES.map((type) => [nameOf(type), channel(type)])),
    operations: Object.fromEntries(LOG_EVENT_TYPES.map((type) => [`send${nameOf(type)}`, sending(type)])),
    messages: Object.fromEntries(LOG_EVENT_TYPES.map((type) => [nameOf(type), message(type)])),
    schemas: Object.fromEntries([
      ...LOG_EVENT_TYPES.map((type) => [nameOf(type), payload(type)] as const),
      ['AnyEvent', { oneOf: LOG_EVENT_TYPES.map(schemaOf) }] as const,
    ]),
  };
}

/** `llmq.message.attempt-failed.v1` is `MessageAttemptFailed`, as in the glossary. */
function nameOf(type: LogEventType): string {
  return `${isAdminEventType(type) ? '' : kindOf(type)}-${eventName(type)}`
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}

/** `message`, `conversation` or `admin`. */
function kindOf(type: LogEventType): string {
  return type.split('.')[1]!;
}

function isAdminEventType(type: LogEventType): boolean {
  return kindOf(type) === 'admin';
}

const IN_THE_LOG =
  'In the JetStream stream LLMQ_EVENTS, stored before it is acted upon. A stored message is one event in structured JSON ' +
  'mode, or two events of the same queued message in JSON batch mode: an array, in their order. It is filed under the ' +
  'last of them. A later version may add attributes, so readers must pass over those they do not know. Only the ' +
  'service writes here.';

function channel(type: LogEventType) {
  return {
    address: addressOf(type),
    description: IN_THE_LOG,
    messages: { [nameOf(type)]: { $ref: `#/components/messages/${nameOf(type)}` } },
    parameters: parametersOf(type),
  };
}

function addressOf(type: LogEventType): string {
  if (isAdminEventType(type)) return `llmq.events.admin.${eventName(type)}.0`;
  const route = isRouted(type) ? '.{route}' : '';
  return `llmq.events.${isMessageEventType(type) ? '{lane}' : kindOf(type)}.${eventName(type)}${route}.{shard}`;
}

function parametersOf(type: LogEventType) {
  const lane = { lane: { enum: [...LANES], description: "The message's priority." } };
  const shard = {
    shard: {
      enum: Array.from({ length: SHARDS }, (_, shard) => String(shard)),
      description: `FNV-1a (32 bit) of the tenant's name, modulo ${SHARDS}.`,
    },
  };
  const route = {
    route: {
      description:
        "The wanted model: its name, as far as it fits a subject, and eight hex digits of its name's FNV-1a (32 bit). " +
        `${DEFAULT_ROUTE} where the message names none. Logs of earlier versions also hold this event without a route.`,
    },
  };
  return {
    ...(isMessageEventType(type) ? lane : {}),
    ...(isRouted(type) ? route : {}),
    ...(isAdminEventType(type) ? {} : shard),
  };
}

function isRouted(type: LogEventType): boolean {
  return type === 'llmq.message.prioritized.v1';
}

function sending(type: LogEventType) {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${nameOf(type)}` },
    messages: [{ $ref: `#/channels/${nameOf(type)}/messages/${nameOf(type)}` }],
  };
}

function message(type: LogEventType) {
  return {
    name: type,
    title: nameOf(type),
    summary: 'Alone, or as the last of two events.',
    contentType: 'application/cloudevents+json',
    payload: {
      oneOf: [schemaOf(type), pairEndingWith(type)],
    },
  };
}

function schemaOf(type: LogEventType) {
  return { $ref: `#/components/schemas/${nameOf(type)}` };
}

/** Which events can stand before it is not said: whoever writes an append decides that, and readers need not know. */
function pairEndingWith(type: LogEventType) {
  return {
    type: 'array',
    items: [{ $ref: '#/components/schemas/AnyEvent' }, schemaOf(type)],
    minItems: 2,
    maxItems: 2,
  };
}

/** As `input`, since an event with more attributes than these is valid; draft 7 is what AsyncAPI's tools read. */
function payload(type: LogEventType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(eventSchema(type), { target: 'draft-7', io: 'input' });
  return schema;
}
