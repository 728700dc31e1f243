import type { IncomingHttpHeaders } from 'node:http';
import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/caller.js';
import { CHOICE_STRATEGIES } from '../../domain/choice-strategies.policy.js';
import { LANES } from '../../domain/message/lane.policy.js';
import type { CallKind } from '../../domain/message/message.events.js';
import { digestOf } from '../../submission/idempotency/digest.js';
import { MAX_FALLBACKS } from '../../submission/submission-rules.policy.js';
import type { RequestAttempt } from '../../submission/waiting/submit-and-listen.js';
import { callerOf } from '../caller.guard.js';
import { keyedRequest } from '../http/idempotency.hook.js';
import { bodyDigestOf } from '../http/json-body.js';
import { traceOfRequest } from '../http/traced-requests.js';
import { type SchemaName, schemaRef } from './openai.schemas.js';
import type { OpenAiOrder } from './openai-calls.js';
import { openAiRequestOf } from './openai-request.js';
import { ownHeaders } from './own-headers.js';
import { type OpenAiSettings, PATIENCE } from './queue-fields.js';
import { KNOWN_TIERS } from './service-tier.policy.js';

/** @throws {RefusedError} `invalid_fields`, `invalid_idempotency_key` */
export function callOrder(
  kind: CallKind,
  body: unknown,
  request: FastifyRequest,
  settings: OpenAiSettings,
): OpenAiOrder {
  return orderOf(kind, request, (headers, caller) => openAiRequestOf(kind, body, headers, caller, settings));
}

/**
 * What is asked with what tells of its client, and of its tries.
 *
 * @param kind of the call: two requests of different kinds are never the same
 * @param read of the headers that are for this queue
 */
export function orderOf<T>(
  kind: string,
  request: FastifyRequest,
  read: (headers: IncomingHttpHeaders, caller: Caller) => T,
) {
  const caller = callerOf(request);
  const own = ownHeaders(request.headers);
  const keyed = keyedRequest(request, own);
  return {
    caller,
    keyed,
    request: read({ ...own, [PATIENCE]: request.headers[PATIENCE] }, caller),
    trace: traceOfRequest(request),
    attempt: keyed === null ? attemptOf(kind, request, caller, own) : null,
  };
}

/** SDKs count their tries of a request in `x-stainless-retry-count`, from 0. */
export function isRepeatedTry(headers: IncomingHttpHeaders): boolean {
  const count = headers['x-stainless-retry-count'];
  return typeof count === 'string' && /^[1-9]\d*$/.test(count);
}

function attemptOf(
  kind: string,
  request: FastifyRequest,
  { tenant, name }: Caller,
  own: IncomingHttpHeaders,
): RequestAttempt | null {
  const body = bodyDigestOf(request);
  if (body === null) return null;
  const digest = digestOf([tenant, name, kind, body, JSON.stringify(own)]);
  return { digest, repeated: isRepeatedTry(request.headers) };
}

const WHOLE = { type: 'integer', minimum: 0 } as const;
/** Without its format: generators that make times of it know no headers of times. */
const TIME = { type: 'string', example: '2030-01-31T12:00:00Z' } as const;
const DURATION = 'seconds, or a duration such as 30s or 5m';

/** The headers that every call under `/v1` may carry. */
export function QueueHeaders(): MethodDecorator {
  const optional = { required: false } as const;
  return applyDecorators(
    ApiHeader({ ...optional, name: 'x-llmq-priority', schema: { type: 'string', enum: [...LANES] } }),
    ApiHeader({ ...optional, name: 'x-llmq-user-id', description: '`user` of the body when absent' }),
    ApiHeader({ ...optional, name: 'x-llmq-max-retries', schema: WHOLE }),
    ApiHeader({
      ...optional,
      name: 'x-llmq-timeout-ms',
      schema: WHOLE,
      description: 'The time limit of one call',
    }),
    ApiHeader({ ...optional, name: 'x-llmq-ttl', description: `After it no model is called: ${DURATION}` }),
    ApiHeader({
      ...optional,
      name: 'x-llmq-deadline',
      schema: TIME,
      description: 'In place of `x-llmq-ttl`, as a time',
    }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-fallbacks' },
      description: 'Models that answer where no endpoint of the wanted one can, with commas between them',
    }),
    ApiHeader({
      ...optional,
      name: 'x-llmq-strategy',
      schema: { type: 'string', enum: [...CHOICE_STRATEGIES] },
    }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-session' },
      description: 'Calls with the same text stay at one endpoint where that is possible',
    }),
    ApiHeader({
      ...{
        ...optional,
        name: 'x-llmq-failover',
        schema: { type: 'string', enum: ['continue', 'restart', 'fail'] },
      },
      description: 'What follows an answer that is cut',
    }),
    ApiHeader({
      ...{
        ...optional,
        name: 'x-llmq-on-disconnect',
        schema: { type: 'string', enum: ['continue', 'cancel'] },
      },
      description: 'What becomes of the message when the client goes away before the answer is whole',
    }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-callback-url', schema: { type: 'string', format: 'uri' } },
      description: 'Is told by a signed webhook when the message has ended',
    }),
  );
}

type Properties = Readonly<Record<string, object>>;

/** The fields of a call that streams. */
export const STREAMED: Properties = {
  stream: { type: 'boolean', nullable: true },
  stream_options: {
    type: 'object',
    properties: { include_usage: { type: 'boolean' } },
    additionalProperties: true,
    nullable: true,
  },
};

const DURATION_OR_TEXT = {
  oneOf: [{ type: 'string' }, { type: 'number', format: 'double' }],
  nullable: true,
};

/** What of every body is the queue's. */
export const QUEUES: Properties = {
  service_tier: {
    ...{ type: 'string', nullable: true },
    description: `Sets the priority: ${KNOWN_TIERS}; others as auto`,
  },
  user: { type: 'string', nullable: true, description: 'The user that the message belongs to' },
  metadata: { type: 'object', additionalProperties: true, nullable: true },
  ttl: { ...DURATION_OR_TEXT, description: `After it no model is called: ${DURATION}` },
  deadline: { type: 'string', format: 'date-time', nullable: true, description: 'In place of `ttl`' },
  fallbacks: { type: 'array', items: { type: 'string' }, maxItems: MAX_FALLBACKS, nullable: true },
};

/** The body of a call under `/v1`: what it is about, what else of it the document tells, and whatever the model takes. */
export function CallBody(asked: string, properties: Properties): MethodDecorator {
  return ApiBody({
    schema: {
      type: 'object',
      required: ['model', asked],
      additionalProperties: true,
      properties: { model: { type: 'string' }, ...properties, ...QUEUES },
    },
  });
}

/**
 * What a call is answered with: whole, and where it may stream, in pieces. The schema of a stream is that of each
 * event's data; a stream that fails in its middle ends with an error in place of `[DONE]`, which is told in words only,
 * since a generated client would otherwise have to look for errors in whole answers too.
 */
export function CallAnswers(whole: SchemaName, piece?: SchemaName): MethodDecorator {
  const pieces =
    piece === undefined
      ? ''
      : ', or with `stream` its pieces: the data of each event, up to `[DONE]`; where it breaks off, an `OpenAiError`';
  return ApiResponse({
    status: 200,
    description: `The answer${pieces}`,
    headers: ANSWER_HEADERS,
    content: {
      'application/json': { schema: schemaRef(whole) },
      ...(piece === undefined ? {} : { 'text/event-stream': { schema: schemaRef(piece) } }),
    },
  });
}

export const ANSWER_HEADERS = {
  'x-llmq-message-id': {
    description: 'The message, to be read at `/api/v1/messages/{id}`',
    schema: { type: 'string', format: 'uuid' },
  },
};
