import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../../domain/caller.js';
import type { ChatMessage, Lane } from '../../domain/message/message.events.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { laneOfTier, SERVICE_TIERS } from './service-tier.policy.js';

export interface ChatRequest {
  readonly submission: Submission;
  /** The answer goes out as server-sent events. */
  readonly stream: boolean;
  /** A stream ends with a chunk that tells the tokens used. */
  readonly includeUsage: boolean;
}

/** What the queue reads of a body; all else is the model's, and is handed on as it is. */
interface ChatBody extends Record<string, unknown> {
  model?: unknown;
  messages?: unknown;
  stream?: unknown;
  stream_options?: unknown;
  service_tier?: unknown;
  metadata?: unknown;
  user?: unknown;
}

/**
 * Reads the body of `POST /v1/chat/completions`. What only our queue knows comes in headers, so that SDKs need no
 * unknown fields: `x-llmq-priority`, `x-llmq-user-id`, `x-llmq-conversation-id`, `x-llmq-max-retries`,
 * `x-llmq-timeout-ms`.
 *
 * @throws {RefusedError} `invalid_fields`, with all that is wrong
 */
export function chatRequestOf(body: unknown, headers: IncomingHttpHeaders, caller: Caller): ChatRequest {
  if (!rules.isObject(body)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
  const { model, messages, stream, stream_options, service_tier, metadata, ...parameters } = body as ChatBody;
  const problems: FieldProblem[] = [
    ...wrong('model', model, rules.identifier),
    ...wrong('messages', messages, rules.chatMessages),
    ...wrong('stream', stream ?? false, boolean),
    ...wrong('stream_options', stream_options ?? {}, streamOptions),
    ...wrong('service_tier', service_tier ?? 'auto', serviceTier),
    ...wrong('metadata', metadata ?? {}, rules.metadata),
    ...wrong('user', parameters.user ?? caller.name, rules.identifier),
    ...wrongParameters(parameters),
    ...wrongHeaders(headers),
  ];
  if (problems.length > 0) throw invalidFields(problems);
  const userId = text(headers['x-llmq-user-id']) ?? (parameters.user as string | null | undefined);
  return {
    stream: stream === true,
    includeUsage: (stream_options as { include_usage?: unknown } | undefined | null)?.include_usage === true,
    submission: {
      userId: userId ?? caller.name,
      userUnnamed: userId == null,
      conversationId: text(headers['x-llmq-conversation-id']) ?? null,
      request: { messages: messages as ChatMessage[], model: model as string, parameters },
      requestedPriority: requestedPriority(headers, service_tier),
      metadata: (metadata as Record<string, unknown> | null | undefined) ?? {},
      maxRetries: wholeNumber(headers['x-llmq-max-retries']),
      timeoutMs: wholeNumber(headers['x-llmq-timeout-ms']),
      stream: stream === true,
      source: 'openai',
    },
  };
}

function requestedPriority(headers: IncomingHttpHeaders, tier: unknown): Lane | null {
  const named = text(headers['x-llmq-priority']) as Lane | undefined;
  return named ?? laneOfTier((tier as string | null | undefined) ?? 'auto') ?? null;
}

const boolean: rules.Rule = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

const streamOptions: rules.Rule = (value) => {
  if (!rules.isObject(value)) return 'must be an object';
  const usage = value['include_usage'];
  return usage === undefined || typeof usage === 'boolean' ? null : 'must hold a boolean include_usage';
};

const serviceTier: rules.Rule = (value) =>
  typeof value === 'string' && laneOfTier(value) !== undefined
    ? null
    : `must be one of ${SERVICE_TIERS.join(', ')}`;

const HEADER_RULES: Readonly<Record<string, rules.Rule>> = {
  'x-llmq-priority': rules.priority,
  'x-llmq-user-id': rules.identifier,
  'x-llmq-conversation-id': rules.identifier,
  'x-llmq-max-retries': numeric(rules.wholeNumber(0, rules.MAX_RETRIES)),
  'x-llmq-timeout-ms': numeric(rules.wholeNumber(1, rules.MAX_TIMEOUT_MS)),
};

function wrongHeaders(headers: IncomingHttpHeaders): FieldProblem[] {
  return Object.entries(HEADER_RULES).flatMap(([name, rule]) =>
    headers[name] === undefined ? [] : wrong(name, headers[name], rule),
  );
}

function numeric(rule: rules.Rule): rules.Rule {
  return (value) => rule(typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value);
}

function wrongParameters(parameters: Record<string, unknown>): FieldProblem[] {
  return wrong('body', parameters, rules.parameters);
}

function wrong(field: string, value: unknown, rule: rules.Rule): FieldProblem[] {
  if (value === undefined) return [{ field, reason: 'is missing' }];
  const reason = rule(value);
  return reason === null ? [] : [{ field, reason }];
}

function text(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function wholeNumber(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' ? Number(header) : undefined;
}
