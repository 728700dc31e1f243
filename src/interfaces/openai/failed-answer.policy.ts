import type { AttemptError, TerminalEvent } from '../../domain/message/message.events.js';

export type FailedEnd = Exclude<TerminalEvent, { type: 'llmq.message.completed.v1' }>;

export interface FailedAnswer {
  readonly status: number;
  /** The endpoint's own word for it where it has one, else ours: clients branch on it. */
  readonly code: string;
  /** Ours, which is the same for every endpoint. */
  readonly queueCode: string;
  readonly message: string;
  /** The endpoint's, where it named one. */
  readonly type: string | null;
  readonly param: string | null;
  /** What the endpoint asked to wait; null where it did not, or where waiting does not help. */
  readonly retryAfterMs: number | null;
  /** Whether the same request, sent again, is worth it: it would join this message, not make another. */
  readonly shouldRetry: boolean;
}

/** Whether a client reads what the endpoint itself said, or only what became of its message. */
export type EndpointWords = 'show' | 'hide';

/**
 * What an OpenAI client is told of a message that ended without an answer.
 *
 * | how it ended | status |
 * |---|---|
 * | the endpoint rejects the request (400, 404, 409, 413, 422, ...) | the endpoint's own |
 * | the endpoint rejects our key (401, 403) | 502: the client's own key is fine |
 * | the endpoint still limits its rate, or has no quota left, after the last attempt | 429 |
 * | the endpoint is still overloaded or loading after the last attempt | 503, 529: the endpoint's own |
 * | no attempt was finished in time | 504 |
 * | every other failure, after the last attempt | 502 |
 * | cancelled | 409 |
 * | expired | what kept endpoints from taking it until then, where that is known; else 504 |
 */
export function failedAnswer(end: FailedEnd, words: EndpointWords = 'show'): FailedAnswer {
  switch (end.type) {
    case 'llmq.message.dead-lettered.v1':
      return deadLettered(end.data.error, end.data.attempt, words);
    case 'llmq.message.cancelled.v1':
      return ours(409, 'cancelled', `The message was cancelled: ${end.data.reason}`);
    case 'llmq.message.expired.v1':
      return expired(end.data, words);
  }
}

/** A failure that no endpoint has a part in. */
export function ours(status: number, code: string, message: string, shouldRetry = false): FailedAnswer {
  return { ...{ status, code, queueCode: code, message, shouldRetry }, ...NOTHING_TOLD };
}

const NOTHING_TOLD = { type: null, param: null, retryAfterMs: null } as const;

function deadLettered(error: AttemptError, attempts: number, words: EndpointWords): FailedAnswer {
  return { ...failedCall(error), ...toldError(error, attempts, words) };
}

/** What a client reads of a failed call. */
export function toldError(
  error: AttemptError,
  attempts: number,
  words: EndpointWords,
): Pick<FailedAnswer, 'code' | 'message'> {
  const tries = attempts > 1 ? ` (after ${attempts} attempts)` : '';
  return { code: failedCall(error).code, message: `${messageOf(error, words)}${tries}` };
}

/** No endpoint took it until its deadline; where one was asked, what it said is the reason. */
function expired(
  { reason, error }: Extract<FailedEnd, { type: 'llmq.message.expired.v1' }>['data'],
  words: EndpointWords,
): FailedAnswer {
  const message = `The message expired: ${reason}`;
  if (error == null) return ours(504, 'expired', message);
  return { ...failedCall(error), queueCode: 'expired', message: `${message} ${messageOf(error, words)}` };
}

function failedCall(error: AttemptError): Omit<FailedAnswer, 'message'> {
  const { code, type = null, param = null } = error.remote ?? {};
  return {
    status: statusOf(error),
    code: isWord(code) ? code : error.code,
    queueCode: error.code,
    ...{ type, param, retryAfterMs: error.retry_after_ms ?? null },
    // The queue has retried already: another request would only be another message.
    shouldRetry: false,
  };
}

function messageOf(error: AttemptError, words: EndpointWords): string {
  return words === 'show' ? error.message : withoutWords(error);
}

/** Some servers put the HTTP status there, which no client looks for. */
function isWord(code: string | null | undefined): code is string {
  return code != null && code !== '' && !/^\d+$/.test(code);
}

function withoutWords({ status, remote }: AttemptError): string {
  const told = remote?.status ?? status;
  return told === null ? 'The endpoint failed.' : `The endpoint answered ${told}.`;
}

/** An endpoint's status that says no more than that it failed is ours to tell: 502. */
const OWN_5XX: ReadonlySet<number> = new Set([503, 504, 529]);

function statusOf({ status: own, code, remote }: AttemptError): number {
  const status = own ?? remote?.status ?? null;
  if (status === 401 || status === 403) return 502;
  if (status === 408 || code.endsWith('_timeout')) return 504;
  if (status === null) return 502;
  return (status >= 400 && status < 500) || OWN_5XX.has(status) ? status : 502;
}
