import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../../domain/caller.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { messageOfResponse } from '../../domain/message/response.policy.js';
import { unkeptProblems } from '../../submission/kept-as-sent.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { addMisplaced } from '../openai/misplaced-fields.js';
import {
  checkQueueFields,
  type OpenAiSettings,
  type QueueBody,
  queueFields,
} from '../openai/queue-fields.js';
import { boolean, FieldCheck, streamOptions } from '../openai/request-fields.js';
import { chatOfItems } from './chat-of-items.policy.js';
import { modelParameters } from './model-parameters.policy.js';
import { conversationNamed } from './response-ids.policy.js';

/** What a request of the Responses API asks for, checked. */
export interface ResponsesRequest {
  readonly submission: Submission;
  /** The response that it goes on from. */
  readonly previous: string | null;
  readonly stream: boolean;
  readonly background: boolean;
  /** Its message is cancelled when the client goes away before the answer is whole. */
  readonly cancelOnDisconnect: boolean;
}

interface Body extends QueueBody, Record<string, unknown> {
  readonly model?: unknown;
  readonly input?: unknown;
  readonly prompt?: unknown;
  readonly instructions?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: unknown;
  readonly background?: unknown;
  readonly store?: unknown;
  readonly previous_response_id?: unknown;
  readonly conversation?: unknown;
}

const CONVERSATION = 'x-llmq-conversation-id';

/**
 * Reads the body of `POST /v1/responses`, and the headers that carry what only this queue knows.
 *
 * @throws {RefusedError} `invalid_fields`, with all that is wrong
 */
export function responsesRequestOf(
  body: unknown,
  headers: IncomingHttpHeaders,
  caller: Caller,
  settings: OpenAiSettings,
): ResponsesRequest {
  if (!rules.isObject(body)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
  const fields: Body = body;
  const check = new FieldCheck();
  checkOwn(check, fields);
  const messages = messagesOf(fields, headers, check);
  const { parameters, settings: kept } = modelParameters(asked(fields), check.problems);
  check.wanted('body', parameters, rules.handedOn);
  addMisplaced(parameters, check.problems);
  checkQueueFields(check, fields, headers);
  const conversation = conversationOf(fields, headers);
  checkTogether(fields, conversation, check.problems);
  check.problems.push(...unkeptProblems(fields, () => 'none'));
  if (check.problems.length > 0) throw invalidFields(check.problems);
  const { submission, routing, cancelOnDisconnect } = queueFields(fields, headers, caller, settings);
  const { model, instructions, previous_response_id: previous, stream, background, store } = fields;
  const request: ModelRequest = {
    messages,
    model: (model as string | null | undefined) ?? null,
    parameters,
    ...(instructions == null || instructions === '' ? {} : { instructions: instructions as string }),
    ...(previous == null ? {} : { behind: messageOfResponse(previous as string)! }),
    response: { background: background === true, store: store !== false, settings: kept },
    ...routing,
  };
  return {
    submission: {
      ...{ request, stream: stream === true, source: 'openai', ...submission },
      conversationId: conversation,
    },
    previous: (previous as string | null | undefined) ?? null,
    stream: stream === true,
    background: background === true,
    cancelOnDisconnect: cancelOnDisconnect && background !== true,
  };
}

/** What is the model's, or nobody's. */
function asked(fields: Body): Record<string, unknown> {
  const { model, input, instructions, stream, stream_options, background, store, ...others } = fields;
  const { previous_response_id, conversation, service_tier, metadata, ttl, deadline, fallbacks, ...rest } =
    others;
  return rest;
}

/** What goes on from something may ask nothing new, as OpenAI has it: the model speaks again. */
function messagesOf(
  { input, previous_response_id: previous, conversation, prompt }: Body,
  headers: IncomingHttpHeaders,
  check: FieldCheck,
): NonNullable<ModelRequest['messages']> {
  const before = check.problems.length;
  const isGiven = input != null && input !== '' && !(Array.isArray(input) && input.length === 0);
  const messages = isGiven ? chatOfItems(input, 'input', check.problems) : [];
  if (check.problems.length > before) return messages;
  if (messages.length > 0) check.wanted('input', messages, rules.chatMessages);
  else if ((previous ?? conversation ?? prompt ?? headers[CONVERSATION]) == null) {
    // Reasoning alone asks nothing, either.
    const reason = 'is needed, unless previous_response_id or conversation is given';
    check.problems.push({ field: 'input', reason });
  }
  return messages;
}

function checkOwn(check: FieldCheck, fields: Body): void {
  check.ifThere('model', fields.model, rules.identifier);
  check.ifThere('instructions', fields.instructions, rules.systemPrompt);
  check.ifThere('stream', fields.stream, boolean);
  check.ifThere('stream_options', fields.stream_options, streamOptions);
  check.ifThere('background', fields.background, boolean);
  check.ifThere('store', fields.store, boolean);
  check.ifThere('previous_response_id', fields.previous_response_id, responseId);
  check.ifThere('conversation', fields.conversation, namesConversation);
}

const responseId: rules.Rule = (value) =>
  typeof value === 'string' && messageOfResponse(value) !== null
    ? null
    : 'must be the id of a response, as it was given out here';

const conversationId: rules.Rule = (value) =>
  rules.conversationId(typeof value === 'string' ? conversationNamed(value) : value);

const namesConversation: rules.Rule = (value) => {
  const named = namedIn(value);
  return named == null ? 'must be the id of a conversation, or hold it as id' : conversationId(named);
};

function namedIn(conversation: unknown): unknown {
  return rules.isObject(conversation) ? conversation['id'] : conversation;
}

function conversationOf({ conversation }: Body, headers: IncomingHttpHeaders): string | null {
  const named = namedIn(conversation) ?? headers[CONVERSATION];
  return typeof named === 'string' ? conversationNamed(named) : null;
}

function checkTogether(fields: Body, conversation: string | null, problems: FieldProblem[]): void {
  const { background, store, previous_response_id: previous } = fields;
  if (conversation !== null && previous != null) {
    problems.push({
      field: 'previous_response_id',
      reason: 'must not be there together with a conversation',
    });
  }
  if (store !== false) return;
  if (background === true) {
    problems.push({
      field: 'background',
      reason: 'needs a response that is stored: store must not be false',
    });
  }
  if (conversation !== null) {
    problems.push({
      field: 'store',
      reason: 'must not be false in a conversation, which holds its responses',
    });
  }
}
