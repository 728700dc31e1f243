import { z } from 'zod';
import { type CloudEvent, type CloudEventContext, cloudEvent } from '../cloud-event.events.js';
import { accountingSchema, laneSchema, usageSchema } from '../message/message.events.js';

export const CONVERSATION_STATES = ['active', 'inactive', 'completed', 'archived'] as const;
export type ConversationLifeState = (typeof CONVERSATION_STATES)[number];

/** What happens to a message that is sent while a turn of its conversation runs or waits. */
export const DOUBLE_TEXTING = ['enqueue', 'reject', 'interrupt'] as const;
export type DoubleTexting = (typeof DOUBLE_TEXTING)[number];

const fields = {
  title: z.string().nullable(),
  /** The system prompt. */
  context: z.string().nullable(),
  priority: laneSchema.nullable(),
  model: z.string().nullable(),
  double_texting: z.enum(DOUBLE_TEXTING),
  metadata: z.record(z.string(), z.unknown()),
};

/** The data of every event of a conversation's life, by CloudEvents type. The subject is the conversation's id. */
export const conversationEventSchemas = {
  'llmq.conversation.created.v1': z.object({
    user_id: z.string(),
    ...fields,
    /** The id that its client gave it; its messages and readers know it by that. */
    given_id: z.string().nullish(),
  }),
  /** Only what changed. */
  'llmq.conversation.updated.v1': z.object({ changes: z.object(fields).partial(), by: z.string() }),
  'llmq.conversation.state-changed.v1': z.object({
    from: z.enum(CONVERSATION_STATES),
    to: z.enum(CONVERSATION_STATES),
    by: z.string(),
    reason: z.string(),
  }),
  /** What a model said of the turns up to one, so that they need not be sent again. */
  'llmq.conversation.summarized.v1': z.object({
    /** The place of the last of these turns. */
    up_to_sequence: z.number().int().positive(),
    summary: z.string(),
    model: z.string(),
    up_to_message_id: z.string().nullish(),
    /** How many were summed up beside the summary before. */
    turns: z.number().int().positive().nullish(),
    /** Of the summary, by our own count. */
    tokens: z.number().int().nonnegative().nullish(),
    usage: usageSchema.nullish(),
    endpoint: z.string().nullish(),
    accounting: accountingSchema.nullish(),
  }),
  'llmq.conversation.erased.v1': z.object({
    by: z.string(),
    reason: z.string(),
    messages: z.number().int().nonnegative(),
    /** Its messages: their rows go with it, and what is said of them from here on is not taken up any more. */
    message_ids: z.array(z.string()).nullish(),
  }),
  /**
   * Which records of the log are taken out now, said before they are, so that an auditor can tell them from lost ones.
   * Each pair is a first and a last sequence. An erasure of many has several of these events; one that was broken off
   * names again what it takes out when it goes on.
   */
  'llmq.conversation.erasure-begun.v1': z.object({
    sequences: z.array(z.tuple([z.number().int().positive(), z.number().int().positive()])),
  }),
  /** Nothing of the conversation and its messages is in the log any more up to this sequence. */
  'llmq.conversation.erasure-finished.v1': z.object({
    up_to_sequence: z.number().int().positive(),
    events: z.number().int().nonnegative(),
  }),
} as const;

export type ConversationEventType = keyof typeof conversationEventSchemas;
export type ConversationEventData = {
  [T in ConversationEventType]: z.infer<(typeof conversationEventSchemas)[T]>;
};
export type ConversationEventOf<T extends ConversationEventType> = CloudEvent<T, ConversationEventData[T]>;
export type ConversationEvent = {
  [T in ConversationEventType]: ConversationEventOf<T>;
}[ConversationEventType];

export type ConversationFields = ConversationEventData['llmq.conversation.created.v1'];

/** @param context its subject is the conversation's id */
export function conversationEvent<T extends ConversationEventType>(
  context: CloudEventContext,
  type: T,
  data: ConversationEventData[T],
): ConversationEventOf<T> {
  return cloudEvent(context, type, data);
}
