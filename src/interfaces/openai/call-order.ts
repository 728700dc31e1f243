import type { IncomingHttpHeaders } from 'node:http';
import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/caller.js';
import { CHOICE_STRATEGIES } from '../../domain/choice-strategies.policy.js';
import { type CallKind, LANES } from '../../domain/message/message.events.js';
import { digestOf } from '../../submission/idempotency/digest.js';
import { traceparentOf } from '../../submission/submission-rules.policy.js';
import type { RequestAttempt } from '../../submission/waiting/submit-and-listen.js';
import { callerOf } from '../caller.guard.js';
import { keyedRequest } from '../http/idempotency.hook.js';
import { bodyDigestOf } from '../http/json-body.js';
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
  const caller = callerOf(request);
  const own = ownHeaders(request.headers);
  const headers = { ...own, [PATIENCE]: request.headers[PATIENCE] };
  const keyed = keyedRequest(request, own);
  return {
    caller,
    keyed,
    request: openAiRequestOf(kind, body, headers, caller, settings),
    traceparent: traceparentOf(request.headers['traceparent']),
    attempt: keyed === null ? attemptOf(kind, request, caller, own) : null,
  };
}

/** SDKs count their tries of a request in `x-stainless-retry-count`, from 0. */
function attemptOf(
  kind: CallKind,
  request: FastifyRequest,
  { tenant, name }: Caller,
  own: IncomingHttpHeaders,
): RequestAttempt | null {
  const body = bodyDigestOf(request);
  if (body === null) return null;
  const count = request.headers['x-stainless-retry-count'];
  const digest = digestOf([tenant, name, kind, body, JSON.stringify(own)]);
  return { digest, repeated: typeof count === 'string' && /^[1-9]\d*$/.test(count) };
}

const DURATION = 'seconds, or a duration such as 30s or 5m';

/** The headers that every call under `/v1` may carry. */
export function QueueHeaders(): MethodDecorator {
  const optional = { required: false } as const;
  return applyDecorators(
    ApiHeader({ ...optional, name: 'x-llmq-priority', schema: { enum: [...LANES] } }),
    ApiHeader({ ...optional, name: 'x-llmq-user-id', description: '`user` of the body when absent' }),
    ApiHeader({ ...optional, name: 'x-llmq-max-retries' }),
    ApiHeader({ ...optional, name: 'x-llmq-timeout-ms', description: 'The time limit of one call' }),
    ApiHeader({ ...optional, name: 'x-llmq-ttl', description: `After it no model is called: ${DURATION}` }),
    ApiHeader({ ...optional, name: 'x-llmq-deadline', description: 'In place of `x-llmq-ttl`, as a time' }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-fallbacks' },
      description: 'Models that answer where no endpoint of the wanted one can, with commas between them',
    }),
    ApiHeader({ ...optional, name: 'x-llmq-strategy', schema: { enum: [...CHOICE_STRATEGIES] } }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-session' },
      description: 'Calls with the same text stay at one endpoint where that is possible',
    }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-failover', schema: { enum: ['continue', 'restart', 'fail'] } },
      description: 'What follows an answer that is cut',
    }),
    ApiHeader({
      ...{ ...optional, name: 'x-llmq-on-disconnect', schema: { enum: ['continue', 'cancel'] } },
      description: 'What becomes of the message when the client goes away before the answer is whole',
    }),
  );
}

type Properties = Readonly<Record<string, object>>;

/** The fields of a call that streams. */
export const STREAMED: Properties = {
  stream: { type: 'boolean' },
  stream_options: { type: 'object', properties: { include_usage: { type: 'boolean' } } },
};

/** The body of a call under `/v1`: what it is about, what else of it the document tells, and whatever the model takes. */
export function CallBody(asked: string, properties: Properties): MethodDecorator {
  return ApiBody({
    schema: {
      type: 'object',
      required: ['model', asked],
      additionalProperties: true,
      properties: {
        model: { type: 'string' },
        ...properties,
        service_tier: { type: 'string', description: `Sets the priority: ${KNOWN_TIERS}; others as auto` },
      },
    },
  });
}
