import { stringify } from 'yaml';
import { z } from 'zod';
import { LANES, MESSAGE_EVENT_TYPES, type MessageEventType } from '../message/message.events.js';
import { eventSchema } from './cloud-event.codec.js';
import { eventName, SHARDS } from './subjects.js';

const PREAMBLE = '# Written from the event catalogue by `npm run asyncapi`: changes are lost.\n';

/** The log as an AsyncAPI 3 document in YAML: made from the schemas that the codec checks, so the two can't differ. */
export function asyncApiYaml(): string {
  return PREAMBLE + stringify(asyncApiDocument(), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** One channel for each event type: its subject, the event as structured CloudEvent, and that this service sends it. */
export function asyncApiDocument() {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'LLM Message Queue: the event log',
      version: '1.0.0',
      description:
        'Every step of a message is an event in the JetStream stream LLMQ_EVENTS, stored before it is acted upon. ' +
        'Events are CloudEvents 1.0; the version of one is the end of its type. A stored message is one event in ' +
        'structured JSON mode, or two events of the same queued message in JSON batch mode: an array, in their order. ' +
        'It is filed under the last of them, so that the first of two is found on the subject of the second. A later ' +
        'version may add attributes, so readers must pass over those they do not know. Only the service writes here.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/cloudevents+json',
    channels: Object.fromEntries(MESSAGE_EVENT_TYPES.map((type) => [nameOf(type), channel(type)])),
    operations: Object.fromEntries(MESSAGE_EVENT_TYPES.map((type) => [`send${nameOf(type)}`, sending(type)])),
    components: {
      messages: Object.fromEntries(MESSAGE_EVENT_TYPES.map((type) => [nameOf(type), message(type)])),
      schemas: Object.fromEntries([
        ...MESSAGE_EVENT_TYPES.map((type) => [nameOf(type), payload(type)] as const),
        ['AnyEvent', { oneOf: MESSAGE_EVENT_TYPES.map(schemaOf) }] as const,
      ]),
    },
  };
}

/** `llmq.message.attempt-failed.v1` is `MessageAttemptFailed`, as in the glossary. */
function nameOf(type: MessageEventType): string {
  return `Message${eventName(type)
    .split('-')
    .map((word) => word[0]?.toUpperCase() + word.slice(1))
    .join('')}`;
}

function channel(type: MessageEventType) {
  return {
    address: `llmq.events.{lane}.${eventName(type)}.{shard}`,
    messages: { [nameOf(type)]: { $ref: `#/components/messages/${nameOf(type)}` } },
    parameters: {
      lane: { enum: [...LANES], description: "The message's priority." },
      shard: {
        enum: Array.from({ length: SHARDS }, (_, shard) => String(shard)),
        description: `FNV-1a (32 bit) of the tenant's name, modulo ${SHARDS}.`,
      },
    },
  };
}

function sending(type: MessageEventType) {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${nameOf(type)}` },
    messages: [{ $ref: `#/channels/${nameOf(type)}/messages/${nameOf(type)}` }],
  };
}

function message(type: MessageEventType) {
  return {
    name: type,
    title: nameOf(type),
    summary: 'Alone, or as the last of two events.',
    payload: {
      oneOf: [schemaOf(type), pairEndingWith(type)],
    },
  };
}

function schemaOf(type: MessageEventType) {
  return { $ref: `#/components/schemas/${nameOf(type)}` };
}

/** Which events can stand before it is not said: whoever writes an append decides that, and readers need not know. */
function pairEndingWith(type: MessageEventType) {
  return {
    type: 'array',
    items: [{ $ref: '#/components/schemas/AnyEvent' }, schemaOf(type)],
    minItems: 2,
    maxItems: 2,
  };
}

/** As `input`, since an event with more attributes than these is valid; draft 7 is what AsyncAPI's tools read. */
function payload(type: MessageEventType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(eventSchema(type), { target: 'draft-7', io: 'input' });
  return schema;
}
