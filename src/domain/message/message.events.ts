import { z } from 'zod';
import { callbackSchema, webhookTriedSchema, webhookWantedSchema } from '../webhook/callback.events.js';
import { LANES, type Lane } from './lane.policy.js';

export const laneSchema = z.enum(LANES);

const isoTime = z.iso.datetime();
const milliseconds = z.number().nonnegative();
const sequence = z.number().int().positive();
const attemptNumber = z.number().int().positive();

/** An OpenAI chat message. Only the role is ours to check; the rest belongs to the model. */
export const chatMessageSchema = z.looseObject({ role: z.string() });
export type ChatMessage = z.infer<typeof chatMessageSchema>;

export const CALL_KINDS = ['chat', 'completion', 'embeddings'] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** Texts of a request that are too large for the log: one behind the other they are an object of the object store. */
export const largePartsSchema = z.object({
  /** Of the object, in hexadecimal. */
  sha256: z.string(),
  /** In their order. `at` is a JSON pointer into the request, where an empty text stands; `bytes` are UTF-8. */
  parts: z.array(z.object({ at: z.string(), bytes: z.number().int().positive() })),
});
export type LargeParts = z.infer<typeof largePartsSchema>;

/** What a request to OpenAI's Responses API says that a chat has no words for. The rest of it is a chat like any other. */
export const responseAskedSchema = z.object({
  /** Its client does not wait for the answer. */
  background: z.boolean(),
  /** False where content and answer are to be erased once it has ended. */
  store: z.boolean(),
  /** What is told again with the answer, and sent to no model, by OpenAI's names (`truncation`, `include`, ...). */
  settings: z.record(z.string(), z.unknown()),
});
export type ResponseAsked = z.infer<typeof responseAskedSchema>;

/**
 * What the client asked of the model. `content` is the one-string form of REST, `messages` the chat form;
 * exactly one of the two is there for a chat. `parameters` are handed to the endpoint as they are (`temperature`, `tools`, ...).
 */
export const modelRequestSchema = z.object({
  content: z.string().optional(),
  messages: z.array(chatMessageSchema).optional(),
  model: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  /** Integers beyond 2^53 in the parameters, which JSON's readers round: JSON pointers to them, and their digits. */
  exact: z.record(z.string(), z.string()).optional(),
  /** Absent where all of it is here. */
  large: largePartsSchema.optional(),
  /** Absent for a chat. What else was asked is in `parameters` then: `prompt`, or `input`. */
  kind: z.enum(CALL_KINDS).optional(),
  /** What was asked has been erased; what is here are the rest of its settings. */
  erased: z.boolean().optional(),
  /** Goes before all else that the model is sent, for this message alone: later turns are sent without it. */
  instructions: z.string().optional(),
  /** The message that this one goes on from: what was asked and answered there, and before it, comes first. */
  behind: z.string().optional(),
  /** It was said elsewhere and is only kept in its conversation: no model is asked. */
  noted: z.boolean().optional(),
  /** Absent for what came by any other way than the Responses API. */
  response: responseAskedSchema.optional(),
  /** Where the client wants it to be answered. */
  routing: z
    .object({
      /** Models that take the wanted one's place, the first that can serve first. */
      fallbacks: z.array(z.string()).optional(),
      strategy: z.string().optional(),
      /** Messages with the same key stay with one endpoint where that is possible. */
      session: z.string().optional(),
      failover: z.enum(['continue', 'restart', 'fail']).optional(),
    })
    .optional(),
});
export type ModelRequest = z.infer<typeof modelRequestSchema>;

/** With whatever details the endpoint gave: `total_tokens`, `prompt_tokens_details`, ... */
export const usageSchema = z.looseObject({
  prompt_tokens: z.number().int().nonnegative(),
  completion_tokens: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof usageSchema>;

const tokens = z.number().int().nonnegative();
const perMillion = z.number().nonnegative();

/** What an answer used and cost, as it was counted and priced when it came. */
export const accountingSchema = z.object({
  /** By the name that clients ask for. */
  model: z.string(),
  /** Counted by the service, since the endpoint told no usage. */
  estimated: z.boolean(),
  /** What an estimate leaves out: `image`, `audio`, ... */
  left_out: z.array(z.string()).optional(),
  input_tokens: tokens,
  output_tokens: tokens,
  /** Of the input tokens; null where the endpoint does not tell. */
  cached_tokens: tokens.nullable(),
  /** Of the output tokens; null where the endpoint does not tell. */
  reasoning_tokens: tokens.nullable(),
  /** Per million tokens; null where none was known. */
  price: z.object({ input: perMillion, output: perMillion, cached: perMillion.nullable() }).nullable(),
  /** In 10^-9 of the prices' currency; null without a price. */
  cost_nanos: tokens.nullable(),
});
export type Accounting = z.infer<typeof accountingSchema>;

/**
 * Why a message is in its lane. `metadata` is the client's `user_priority` in there, `rule:<id>` names the priority rule
 * that matched.
 */
export const priorityReasonSchema = z.union([
  z.enum([
    ...['explicit', 'metadata', 'conversation', 'user_default', 'default', 'analysis'],
    ...['retry', 'requeue', 'turn_ready', 'aged'],
  ] as const),
  z.templateLiteral(['rule:', z.string()]),
]);
export type PriorityReason = z.infer<typeof priorityReasonSchema>;

/** What an endpoint itself said of a failure, in the fields of OpenAI's error; null where it did not say. */
export const remoteErrorSchema = z.object({
  /** Of the response, or the one that an error inside an answer names. */
  status: z.number().int().nullable(),
  code: z.string().nullable(),
  type: z.string().nullable(),
  param: z.string().nullable(),
  /** Cut of secrets and internal addresses. */
  message: z.string().nullish(),
});
export type RemoteError = z.infer<typeof remoteErrorSchema>;

/** `code` is stable and for programs, `message` is for people; `status` is the endpoint's HTTP status where there was one. */
export const attemptErrorSchema = z.object({
  code: z.string(),
  remote: remoteErrorSchema.nullish(),
  message: z.string(),
  retryable: z.boolean(),
  status: z.number().int().nullable(),
  /** What the endpoint asked to wait before the next request (`Retry-After`). */
  retry_after_ms: z.number().nonnegative().nullish(),
});
export type AttemptError = z.infer<typeof attemptErrorSchema>;

/** What was found in the content when it was prioritized. */
export const analysisSchema = z.object({
  tokens: z.number().int().nonnegative(),
  words: z.number().int().nonnegative(),
  /** ISO 639-1; null where the text does not tell. */
  language: z.string().nullable(),
  question: z.boolean(),
  /** From -1 (negative) to 1 (positive). */
  sentiment: z.number().min(-1).max(1),
  /** How urgent the text seems, from 0 to 1. */
  score: z.number().min(0).max(1),
});
export type Analysis = z.infer<typeof analysisSchema>;

/** How long a message waits between attempts; the service's own where a message says none. */
export const backoffSchema = z.object({
  kind: z.enum(['exponential', 'fixed']),
  base_delay_ms: z.number().nonnegative(),
});
export type BackoffChoice = z.infer<typeof backoffSchema>;

export const SOURCES = ['rest', 'openai', 'websocket', 'nats'] as const;

/**
 * Why an endpoint did not take a call. It says nothing about the request: later, or elsewhere, it may be taken.
 * - `rate_limited`: too many calls or tokens for now.
 * - `quota_exceeded`: what was paid for is used up.
 * - `unavailable`: it is loading, overloaded or closed for a while.
 * - `refused_connection`: nobody listens there.
 */
export const NOT_NOW_REASONS = [
  'rate_limited',
  'quota_exceeded',
  'unavailable',
  'refused_connection',
] as const;
export type NotNowReason = (typeof NOT_NOW_REASONS)[number];

/** A model at an endpoint. */
const deploymentSchema = z.object({ endpoint: z.string(), model: z.string() });

/**
 * How a call goes on elsewhere.
 * - `again`: at another endpoint of the same model, before the first piece.
 * - `fallback`: with another model, before the first piece.
 * - `continue`: behind the text that was delivered, which the endpoint is given.
 * - `restart`: from the beginning; what was delivered already is not sent twice.
 */
export const REROUTE_MODES = ['again', 'fallback', 'continue', 'restart'] as const;
export type RerouteMode = (typeof REROUTE_MODES)[number];

const times = z.number().int().positive().optional();

/** How often something of a conversation was changed in the list that a model was sent. */
export const historyChangesSchema = z.object({
  /** Calls without a result, which got a marked one. */
  calls_completed: times,
  /** Results without their call: left out, or sent as the user's words where they are all of a turn. */
  results_without_call: times,
  /** Turns whose answer says nothing: left out. */
  empty_answers_left_out: times,
  /** Messages that were sent without their reasoning. */
  reasoning_left_out: times,
  /** System messages that went to the front, or into the one that is there. */
  system_messages_moved: times,
});
export type HistoryChanges = z.infer<typeof historyChangesSchema>;

/** What of its conversation did not fit into the request that an answer was given to. */
export const historyNoteSchema = z.object({
  /** Older turns, or the summary of them. */
  left_out: z.boolean(),
  /** What is always sent is longer than the model may be sent; it was sent all the same. */
  exceeds: z.boolean(),
  tokens: z.number().int().nonnegative(),
  max_tokens: z.number().int().positive(),
});
export type HistoryNote = z.infer<typeof historyNoteSchema>;

/**
 * The data of every event of a message's life, by CloudEvents type. Times are ISO 8601 in UTC, durations milliseconds.
 * `attempt` counts calls to a model from 1 and `delivery` counts how often the broker handed that attempt to a worker:
 * a second delivery means that a worker died or gave the message back.
 */
export const messageEventSchemas = {
  'llmq.message.received.v1': z.object({
    request: modelRequestSchema,
    /** The client listens to the answer as it is produced. */
    stream: z.boolean(),
    user_id: z.string(),
    conversation_id: z.string().nullable(),
    /** The id that clients know the conversation by, where they gave it one. */
    conversation_given_id: z.string().nullish(),
    requested_priority: laneSchema.nullable(),
    metadata: z.record(z.string(), z.unknown()),
    timeout_ms: milliseconds,
    max_retries: z.number().int().nonnegative(),
    deadline: isoTime.nullable(),
    source: z.enum(SOURCES),
    /** Not before this time; absent for at once. */
    due_at: isoTime.nullish(),
    backoff: backoffSchema.nullish(),
    /** The client's `Idempotency-Key` as the service keeps it. */
    idempotency_key: z.string().nullish(),
    /** The message whose request this one repeats. */
    replay_of: z.string().nullish(),
    /** The name of the API key that it was sent with. */
    key_name: z.string().nullish(),
    /** Who is told when it has ended; absent for nobody. */
    callback: callbackSchema.nullish(),
    /** The NATS subject on which its end is told; absent where its client asks, listens, or is told in another way. */
    result_to: z.string().nullish(),
  }),
  'llmq.message.prioritized.v1': z.object({
    priority: laneSchema,
    reason: priorityReasonSchema,
    attempt: attemptNumber,
    /** Where the request lies in the log; null in the append that received it, whose request is the event just before. */
    received_sequence: sequence.nullable(),
    timeout_ms: milliseconds,
    max_retries: z.number().int().nonnegative(),
    /** When the message entered this lane's backlog for the first time, for the time it waited. */
    received_at: isoTime,
    /** What follows is copied from the request's event, for workers, who then need not read it. */
    deadline: isoTime.nullish(),
    backoff: backoffSchema.nullish(),
    conversation_id: z.string().nullish(),
    analysis: analysisSchema.nullish(),
    /** The model that is wanted, which tells the route; absent for the service's default model. */
    model: z.string().nullish(),
    /** Where the entry lay that this one takes the place of: in a lane of an earlier version, which had no routes. */
    moved_from: sequence.nullish(),
  }),
  'llmq.message.scheduled.v1': z.object({
    due_at: isoTime,
    reason: z.enum(['delay', 'retry']),
    attempt: attemptNumber,
    /** For a delay: why the message will enter this lane. A retry keeps the reason that is known. */
    priority_reason: priorityReasonSchema.nullish(),
    analysis: analysisSchema.nullish(),
  }),
  'llmq.message.held.v1': z.object({ behind: z.string() }),
  'llmq.message.dispatched.v1': z.object({
    attempt: attemptNumber,
    delivery: z.number().int().positive(),
    worker: z.string(),
    endpoint: z.string(),
    model: z.string(),
    waited_ms: milliseconds,
    endpoint_reason: z.string(),
    /** What was sent of the conversation before this turn: the turns' messages, oldest first; absent outside of one. */
    context: z
      .object({
        turns: z.array(z.string()),
        tokens: z.number().int().nonnegative(),
        /** As far as the summary reaches that was sent before them. */
        summarized_up_to: sequence.nullish(),
        /** Older answered turns, or the summary of them, did not fit. */
        left_out: z.boolean().nullish(),
        /** The most tokens that were to be sent. What is always sent, the system prompt and the turn, can exceed it. */
        max_tokens: z.number().int().positive().nullish(),
        /** The first turn behind the cut, where older turns did not fit; the message itself where none before it did. */
        cut_at: z.string().nullish(),
        /** What was changed so that servers take the list as a chat, and how often; absent where nothing was. */
        changes: historyChangesSchema.nullish(),
      })
      .nullish(),
  }),
  'llmq.message.attempt-failed.v1': z.object({
    attempt: attemptNumber,
    delivery: z.number().int().positive(),
    endpoint: z.string().nullable(),
    error: attemptErrorSchema,
    /** Chunks of the answer that had reached listeners before the failure. */
    chunks_delivered: z.number().int().nonnegative(),
    next_retry_at: isoTime.nullable(),
  }),
  /** The endpoint did not take the call: no attempt is counted, and the message waits in its lane again. */
  'llmq.message.deferred.v1': z.object({
    attempt: attemptNumber,
    delivery: z.number().int().positive(),
    endpoint: z.string(),
    model: z.string(),
    reason: z.enum(NOT_NOW_REASONS),
    status: z.number().int().nullable(),
    message: z.string(),
    remote: remoteErrorSchema.nullish(),
    /** What the endpoint asked to wait. */
    retry_after_ms: milliseconds.nullable(),
  }),
  /** Within one attempt, the call moved to another deployment. */
  'llmq.message.rerouted.v1': z.object({
    attempt: attemptNumber,
    delivery: z.number().int().positive(),
    from: deploymentSchema.extend({ error: attemptErrorSchema }),
    to: deploymentSchema,
    mode: z.enum(REROUTE_MODES),
    /** Of the answer's text, in UTF-16 units: what listeners had, and from where on the new call adds to it. */
    delivered_characters: z.number().int().nonnegative(),
  }),
  'llmq.message.completed.v1': z.object({
    attempt: attemptNumber,
    delivery: z.number().int().positive(),
    /**
     * The assistant's message in OpenAI's shape: `content`, and `tool_calls`, `refusal`, `reasoning_content` where given.
     * Of a completion the text is its `content`. Embeddings have none, but the `data` that the endpoint sent.
     */
    answer: z.looseObject({ content: z.string().nullable() }),
    finish_reason: z.string().nullable(),
    endpoint: z.string(),
    /** The one that answered, by the name that clients ask for. */
    model: z.string(),
    /** What the endpoint calls it, where that is neither this name nor the one by which it was asked. */
    endpoint_model: z.string().nullish(),
    usage: usageSchema.nullable(),
    /**
     * What else the endpoint said of its answer, by OpenAI's names (`system_fingerprint`, `citations`, ...). `choices` has
     * what the answer alone can't hold: for each choice its `index` with `logprobs` and fields that only it has, and from
     * the second choice on also its `message` and `finish_reason`.
     */
    extra: z.record(z.string(), z.unknown()).nullish(),
    /** Absent where nothing is known of what was used. */
    accounting: accountingSchema.nullish(),
    /** Absent where the whole history was sent, and outside of a conversation. */
    history: historyNoteSchema.nullish(),
    queue_ms: milliseconds,
    first_token_ms: milliseconds.nullable(),
    total_ms: milliseconds,
  }),
  'llmq.message.dead-lettered.v1': z.object({
    reason: z.enum(['retries_exhausted', 'not_retryable', 'lost_workers']),
    attempt: attemptNumber,
    error: attemptErrorSchema,
  }),
  'llmq.message.requeued.v1': z.object({ by: z.string(), reason: z.string() }),
  /** Taken off the list of dead letters for good, unless it is requeued all the same. It changes nothing else. */
  'llmq.message.dead-letter-discarded.v1': z.object({ by: z.string(), reason: z.string() }),
  'llmq.message.cancelled.v1': z.object({ by: z.string(), reason: z.string() }),
  /** `error` is why no endpoint took it until then, where one was asked. */
  'llmq.message.expired.v1': z.object({ reason: z.string(), error: attemptErrorSchema.nullish() }),
  /** A webhook about its end was sent, or given up. Like the next one it changes nothing of the message itself. */
  'llmq.message.webhook-tried.v1': webhookTriedSchema,
  /** Somebody wants a webhook to be delivered again. */
  'llmq.message.webhook-wanted.v1': webhookWantedSchema,
  /**
   * What is left of a message that has ended: its events as they were, without what was asked and answered. It stands for
   * all of them, which are taken out of the log.
   */
  'llmq.message.content-erased.v1': z.object({
    by: z.string(),
    reason: z.string(),
    events: z.array(z.object({ sequence, event: z.record(z.string(), z.unknown()) })),
  }),
} as const;

export type MessageEventType = keyof typeof messageEventSchemas;
export const MESSAGE_EVENT_TYPES = Object.keys(messageEventSchemas) as MessageEventType[];

export type MessageEventData = { [T in MessageEventType]: z.infer<(typeof messageEventSchemas)[T]> };

/**
 * A message's event as a CloudEvent 1.0 (structured JSON mode). `subject` is the message id; `tenant`, `lane`,
 * `traceparent` and `tracestate` are extension attributes.
 */
export interface MessageEventOf<T extends MessageEventType> {
  specversion: '1.0';
  /** UUIDv7 of this event. */
  id: string;
  source: '/llm-message-queue';
  type: T;
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  tenant: string;
  lane: Lane;
  traceparent?: string;
  tracestate?: string;
  data: MessageEventData[T];
}

export type MessageEvent = { [T in MessageEventType]: MessageEventOf<T> }[MessageEventType];
export type MessageReceived = MessageEventOf<'llmq.message.received.v1'>;
export type MessagePrioritized = MessageEventOf<'llmq.message.prioritized.v1'>;
export type MessageScheduled = MessageEventOf<'llmq.message.scheduled.v1'>;
export type MessageDispatched = MessageEventOf<'llmq.message.dispatched.v1'>;
export type MessageAttemptFailed = MessageEventOf<'llmq.message.attempt-failed.v1'>;
export type MessageDeferred = MessageEventOf<'llmq.message.deferred.v1'>;
export type MessageRerouted = MessageEventOf<'llmq.message.rerouted.v1'>;
export type MessageCompleted = MessageEventOf<'llmq.message.completed.v1'>;
export type MessageDeadLettered = MessageEventOf<'llmq.message.dead-lettered.v1'>;
export type MessageCancelled = MessageEventOf<'llmq.message.cancelled.v1'>;
export type MessageContentErased = MessageEventOf<'llmq.message.content-erased.v1'>;
export type MessageExpired = MessageEventOf<'llmq.message.expired.v1'>;

export const TERMINAL_EVENT_TYPES = [
  'llmq.message.completed.v1',
  'llmq.message.dead-lettered.v1',
  'llmq.message.cancelled.v1',
  'llmq.message.expired.v1',
] as const satisfies readonly MessageEventType[];
export type TerminalEvent = Extract<MessageEvent, { type: (typeof TERMINAL_EVENT_TYPES)[number] }>;

export function isTerminal(event: { readonly type: string }): event is TerminalEvent {
  return (TERMINAL_EVENT_TYPES as readonly string[]).includes(event.type);
}

/** Tells of a webhook about the message's end, and nothing of the message itself. */
export function isOfWebhook(event: { readonly type: string }): event is MessageEventOf<WebhookEventType> {
  return event.type === 'llmq.message.webhook-tried.v1' || event.type === 'llmq.message.webhook-wanted.v1';
}

type WebhookEventType = 'llmq.message.webhook-tried.v1' | 'llmq.message.webhook-wanted.v1';

/** What every event of one message shares, and the two things a pure function may not make for itself. */
export interface EventContext {
  messageId: string;
  tenant: string;
  lane: Lane;
  /** ISO 8601, UTC, with milliseconds. */
  now: string;
  newId: () => string;
  /** The trace that the message is in: of all its events the same. */
  traceparent?: string;
  tracestate?: string;
}

export function messageEvent<T extends MessageEventType>(
  context: EventContext,
  type: T,
  data: MessageEventData[T],
): MessageEventOf<T> {
  const event: MessageEventOf<T> = {
    specversion: '1.0',
    id: context.newId(),
    source: '/llm-message-queue',
    type,
    subject: context.messageId,
    time: context.now,
    datacontenttype: 'application/json',
    tenant: context.tenant,
    lane: context.lane,
    data,
  };
  if (context.traceparent === undefined) return event;
  event.traceparent = context.traceparent;
  if (context.tracestate !== undefined) event.tracestate = context.tracestate;
  return event;
}
