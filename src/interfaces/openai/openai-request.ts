import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../../domain/caller.js';
import type { CallKind, ChatMessage, ModelRequest } from '../../domain/message/message.events.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { type OpenAiSettings, type QueueBody, queueFields, wrongQueueFields } from './queue-fields.js';
import { boolean, streamOptions, wrong, wrongIfThere } from './request-fields.js';

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

/** What the queue reads of a body; all else is the model's, and is handed on as it is. */
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
  const { model, stream, stream_options, service_tier, metadata, ttl, deadline, fallbacks, ...asked } =
    fields;
  const { messages, ...parameters } = asked;
  const rest = kind === 'chat' ? parameters : asked;
  const problems = [
    ...wrong('model', model, rules.identifier),
    ...wrongAsked(kind, fields),
    ...wrongStream(kind, fields),
    ...wrong('body', rest, rules.parameters),
    ...wrongQueueFields(fields, headers),
  ];
  if (kind !== 'chat') problems.push(...wrongIfThere(CONVERSATION, headers[CONVERSATION], onlyForChats));
  if (problems.length > 0) throw invalidFields(problems);
  const { submission, routing, cancelOnDisconnect } = queueFields(fields, headers, caller, settings);
  const streamed = stream === true;
  const request: ModelRequest = {
    ...(kind === 'chat' ? { messages: messages as ChatMessage[] } : { kind }),
    ...{ model: model as string, parameters: rest, ...routing },
  };
  return {
    ...{ kind, stream: streamed, cancelOnDisconnect },
    includeUsage: (stream_options as { include_usage?: unknown } | undefined | null)?.include_usage === true,
    submission: { ...submission, request, stream: streamed, source: 'openai' },
  };
}

function wrongAsked(kind: CallKind, fields: Body): FieldProblem[] {
  const [field, rule] = ASKED[kind];
  return wrong(field, fields[field], rule);
}

function wrongStream(kind: CallKind, { stream, stream_options }: Body): FieldProblem[] {
  if (kind === 'embeddings') return wrongIfThere('stream', stream, notStreamed);
  return [
    ...wrongIfThere('stream', stream, boolean),
    ...wrongIfThere('stream_options', stream_options, streamOptions),
  ];
}

const CONVERSATION = 'x-llmq-conversation-id';

/** A turn is a message of a chat. */
const onlyForChats: rules.Rule = () => 'has a meaning for chat completions only';
const notStreamed: rules.Rule = (value) => (value === false ? null : 'must be false or absent');
