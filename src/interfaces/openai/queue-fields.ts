import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../../domain/caller.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { MAX_TTL_MS, type TimingRequest } from '../../domain/message/schedule.decision.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { routingOf } from '../../submission/routing.policy.js';
import type { Submission } from '../../submission/submission.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { durationMs } from '../rest/duration.policy.js';
import { instantOf } from '../rest/instant.policy.js';
import type { FieldCheck } from './request-fields.js';
import { laneOfTier } from './service-tier.policy.js';

/** What of a body is the queue's, whatever is asked for. None of it is sent to an endpoint. */
export interface QueueBody {
  readonly service_tier?: unknown;
  readonly metadata?: unknown;
  /** Both the queue's and the model's. */
  readonly user?: unknown;
  readonly ttl?: unknown;
  readonly deadline?: unknown;
  readonly fallbacks?: unknown;
}

export interface QueueFields {
  readonly submission: Omit<Submission, 'request' | 'stream' | 'source'>;
  readonly routing: Pick<ModelRequest, 'routing'>;
  /** Its message is cancelled when the client goes away before the answer is whole. */
  readonly cancelOnDisconnect: boolean;
}

export type OpenAiSettings = ServiceConfig['openai'];

const duration: rules.Rule = (value) =>
  durationMs(value) === null ? 'must be a number of seconds, or a duration such as 90s, 5m or 12h' : null;

const instant: rules.Rule = (value) =>
  typeof value === 'string' && instantOf(value) !== null
    ? null
    : 'must be a time in ISO 8601 with its zone, such as 2030-01-31T12:00:00Z';

const serviceTier: rules.Rule = (value) => (typeof value === 'string' ? null : 'must be a string');

/** An empty one counts as none: some clients always send the field. */
const user: rules.Rule = (value) => (value === '' ? null : rules.identifier(value));

const onDisconnect: rules.Rule = (value) =>
  value === 'continue' || value === 'cancel' ? null : 'must be one of continue, cancel';

/** The headers that carry what OpenAI has no fields for, so that SDKs need no unknown ones. */
const HEADER_RULES: Readonly<Record<string, rules.Rule>> = {
  'x-llmq-priority': rules.priority,
  'x-llmq-user-id': user,
  'x-llmq-conversation-id': rules.conversationId,
  'x-llmq-max-retries': numeric(rules.wholeNumber(0, rules.MAX_RETRIES)),
  'x-llmq-timeout-ms': numeric(rules.wholeNumber(1, rules.MAX_TIMEOUT_MS)),
  'x-llmq-ttl': duration,
  'x-llmq-deadline': instant,
  'x-llmq-fallbacks': (value) => rules.fallbacks(listIn(value)),
  'x-llmq-strategy': rules.choiceStrategy,
  'x-llmq-session': rules.identifier,
  'x-llmq-failover': rules.failover,
  'x-llmq-on-disconnect': onDisconnect,
  'x-llmq-callback-url': rules.callbackUrl,
};
const HEADERS = Object.entries(HEADER_RULES);

export function checkQueueFields(check: FieldCheck, body: QueueBody, headers: IncomingHttpHeaders): void {
  check.ifThere('service_tier', body.service_tier, serviceTier);
  check.ifThere('metadata', body.metadata, rules.metadata);
  check.ifThere('user', body.user, user);
  check.ifThere('ttl', body.ttl, duration);
  check.ifThere('deadline', body.deadline, instant);
  check.ifThere('fallbacks', body.fallbacks, rules.fallbacks);
  for (const [name, rule] of HEADERS) check.ifThere(name, headers[name], rule);
}

/** Of fields that `checkQueueFields` finds nothing wrong with. A header has precedence over a field of the body. */
export function queueFields(
  body: QueueBody,
  headers: IncomingHttpHeaders,
  caller: Caller,
  settings: OpenAiSettings,
): QueueFields {
  const userId = text(headers['x-llmq-user-id']) || (body.user as string | null | undefined) || undefined;
  const fallbacks = headers['x-llmq-fallbacks'];
  return {
    submission: {
      userId: userId ?? caller.name,
      userUnnamed: userId === undefined,
      conversationId: text(headers['x-llmq-conversation-id']) ?? null,
      requestedPriority: requestedPriority(headers, body.service_tier),
      metadata: (body.metadata as Record<string, unknown> | null | undefined) ?? {},
      maxRetries: wholeNumber(headers['x-llmq-max-retries']),
      timeoutMs: wholeNumber(headers['x-llmq-timeout-ms']),
      timing: timingOf(body, headers, settings),
      callbackUrl: text(headers['x-llmq-callback-url']),
    },
    routing: routingOf({
      fallbacks:
        fallbacks === undefined ? (body.fallbacks as string[] | null | undefined) : listIn(fallbacks),
      strategy: text(headers['x-llmq-strategy']),
      session: text(headers['x-llmq-session']),
      failover: text(headers['x-llmq-failover']),
    }),
    cancelOnDisconnect: (text(headers['x-llmq-on-disconnect']) ?? settings.on_disconnect) === 'cancel',
  };
}

function requestedPriority(headers: IncomingHttpHeaders, tier: unknown): Lane | null {
  const named = text(headers['x-llmq-priority']) as Lane | undefined;
  return named ?? laneOfTier((tier as string | null | undefined) ?? 'auto');
}

/** Absent for a message that may wait for ever, as most may. */
function timingOf(
  body: QueueBody,
  headers: IncomingHttpHeaders,
  { client_timeout: clientTimeout }: OpenAiSettings,
): TimingRequest | undefined {
  const inHeaders = headers['x-llmq-ttl'] !== undefined || headers['x-llmq-deadline'] !== undefined;
  const ttl = inHeaders ? headers['x-llmq-ttl'] : body.ttl;
  const deadline = inHeaders ? headers['x-llmq-deadline'] : body.deadline;
  if (ttl != null || deadline != null) {
    return {
      ttlMs: ttl == null ? null : durationMs(ttl),
      deadline: deadline == null ? null : instantOf(deadline as string),
    };
  }
  const patience = clientTimeout === 'deadline' ? patienceMs(headers[PATIENCE]) : null;
  return patience === null ? undefined : { ttlMs: patience };
}

/** How long an SDK says that it waits, in seconds. */
export const PATIENCE = 'x-stainless-timeout';

/** What an SDK says of its own accord is never a reason to refuse it: null for what makes no sense. */
function patienceMs(header: string | string[] | undefined): number | null {
  const milliseconds = typeof header === 'string' ? durationMs(header) : null;
  return milliseconds !== null && milliseconds > 0 && milliseconds <= MAX_TTL_MS ? milliseconds : null;
}

function numeric(rule: rules.Rule): rules.Rule {
  return (value) => rule(typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value);
}

function text(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function wholeNumber(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' ? Number(header) : undefined;
}

/** The items of a header that is a list; its name may be there several times (RFC 9110, 5.3). */
function listIn(header: unknown): string[] {
  const items = (Array.isArray(header) ? header : [header]).flatMap((part) => String(part).split(','));
  return items.map((item) => item.trim()).filter((item) => item !== '');
}
