import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../../domain/caller.js';
import { LANES } from '../../domain/message/lane.policy.js';
import type { CallKind, ChatMessage, ModelRequest } from '../../domain/message/message.events.js';
import { unkeptProblems } from '../../submission/kept-as-sent.js';
import { invalidFields } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { addMisplaced } from './misplaced-fields.js';
import { checkQueueFields, type OpenAiSettings, type QueueBody, queueFields } from './queue-fields.js';
import { boolean, FieldCheck, streamOptions } from './request-fields.js';

/** What a request under `/v1` asks for, checked. */
export interface OpenAiRequest {
  readonly kind: CallKind;
  readonly submission: Submission;
  /** The answer goes out as server-sent events. */
  readonly stream: boolean;
  /** A stream ends with a chunk that tells the tokens used. */
  readonly includeUsage: boolean;
  /** Its message is cancelled when the client goes away before the answer is whole. */
  readonly cancelOnDisconnect: boolean;
}

/** What the queue reads of a body; all else is the model's, and is handed on as it is. `metadata` and `user` are both's. */
interface Body extends QueueBody, Record<string, unknown> {
  readonly model?: unknown;
  readonly messages?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: unknown;
}

/** The field that each kind of call is about, and what it must be. */
const ASKED: Readonly<Record<CallKind, readonly [field: string, rule: rules.Rule]>> = {
  chat: ['messages', rules.chatMessages],
  completion: ['prompt', rules.prompt],
  embeddings: ['input', rules.input],
};

/**
 * Reads the body of a call, and the headers that carry what only this queue knows.
 *
 * @throws {RefusedError} `invalid_fields`, with all that is wrong
 */
export function openAiRequestOf(
  kind: CallKind,
  body: unknown,
  headers: IncomingHttpHeaders,
  caller: Caller,
  settings: OpenAiSettings,
): OpenAiRequest {
  if (!rules.isObject(body)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
  const fields: Body = body;
  const { model, messages, stream, stream_options, metadata } = fields;
  const own = parametersOf(kind, fields);
  const check = new FieldCheck();
  check.wanted('model', model, rules.identifier);
  checkAsked(check, kind, fields);
  checkStream(check, kind, fields);
  check.wanted('body', own, rules.handedOn);
  addMisplaced(own, check.problems);
  checkQueueFields(check, fields, headers);
  if (kind !== 'chat') {
    check.ifThere('messages', messages, onlyForChats);
    check.ifThere(CONVERSATION, headers[CONVERSATION], onlyForChats);
  }
  check.problems.push(...unkeptProblems(fields, (field) => (Object.hasOwn(own, field) ? 'numbers' : 'none')));
  if (check.problems.length > 0) throw invalidFields(check.problems);
  const { submission, routing, cancelOnDisconnect } = queueFields(fields, headers, caller, settings);
  const streamed = stream === true;
  const request: ModelRequest = {
    ...(kind === 'chat' ? { messages: messages as ChatMessage[] } : { kind }),
    model: model as string,
    parameters: withMetadata(own, metadata),
    ...routing,
  };
  return {
    kind,
    stream: streamed,
    cancelOnDisconnect,
    includeUsage: (stream_options as { include_usage?: unknown } | undefined | null)?.include_usage === true,
    submission: { request, stream: streamed, source: 'openai', ...submission },
  };
}

/** All that is not read here. With what is noted on it of numbers that JavaScript changes, which copies by name would lose. */
function parametersOf(kind: CallKind, body: Body): Record<string, unknown> {
  const { model, stream, stream_options, service_tier, metadata, ttl, deadline, fallbacks, ...asked } = body;
  if (kind !== 'chat') return asked;
  const { messages, ...parameters } = asked;
  return parameters;
}

/** The endpoint gets the client's metadata too, but for what chooses the lane here. */
function withMetadata(parameters: Record<string, unknown>, metadata: unknown): Record<string, unknown> {
  if (!rules.isObject(metadata)) return parameters;
  const { user_priority: lane, ...others } = metadata;
  const theirs = (LANES as readonly unknown[]).includes(lane) ? others : metadata;
  return Object.keys(theirs).length === 0 ? parameters : { metadata: theirs, ...parameters };
}

function checkAsked(check: FieldCheck, kind: CallKind, fields: Body): void {
  const [field, rule] = ASKED[kind];
  check.wanted(field, fields[field], rule);
}

function checkStream(check: FieldCheck, kind: CallKind, { stream, stream_options }: Body): void {
  check.ifThere('stream', stream, kind === 'embeddings' ? notStreamed : boolean);
  if (kind !== 'embeddings') check.ifThere('stream_options', stream_options, streamOptions);
}

const CONVERSATION = 'x-llmq-conversation-id';

/** A turn is a message of a chat. */
const onlyForChats: rules.Rule = () => 'has a meaning for chat completions only';
const notStreamed: rules.Rule = (value) => (value === false ? null : 'must be false or absent');
