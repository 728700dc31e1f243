import { EgressRefusedError } from '../../../platform/security/egress.js';
import { ModelCallError, type RemoteError } from '../model-endpoint.port.js';
import type { EndpointWords } from './endpoint-words.js';
import { isUnreached, notNowOfStatus } from './not-now.policy.js';
import { codeOfStatus, isRetryableStatus, retryAfterMs } from './retryable.policy.js';
import { errorOfBody } from './told-error.policy.js';

type TimeLimit = 'connect' | 'first_token' | 'idle' | 'call';

export function timedOut(what: TimeLimit, afterMs: number): ModelCallError {
  const message = {
    connect: `No connection to the endpoint within ${afterMs} ms.`,
    first_token: `The endpoint sent nothing of an answer within ${afterMs} ms.`,
    idle: `The endpoint fell silent in the middle of its answer, for ${afterMs} ms.`,
    call: `The call was not finished within ${afterMs} ms.`,
  }[what];
  return new ModelCallError(
    { code: `${what}_timeout`, message, retryable: true, status: null },
    {
      stalled: what === 'first_token' || what === 'idle',
      notNow: what === 'connect' ? 'refused_connection' : null,
    },
  );
}

/** The connection ended before the answer was whole. */
export function brokenStream(cause: unknown = null): ModelCallError {
  const code = (cause as { code?: unknown } | null)?.code;
  const why = typeof code === 'string' ? ` (${code})` : '';
  return failure('broken_stream', `The endpoint broke off before the end of its answer${why}.`, true);
}

/** Not what the OpenAI protocol allows. Retried, since proxies answer such things while a server restarts. */
export function malformedAnswer(what: string): ModelCallError {
  return failure('malformed_answer', `The endpoint's answer is not in OpenAI's format: ${what}.`, true);
}

/**
 * Not retried: the same request would most likely be answered at the same length again, at the same cost.
 *
 * @param what continues "The answer"
 */
export function answerTooLarge(what: string): ModelCallError {
  return failure('answer_too_large', `The answer ${what}.`, false);
}

/** Not retried, as what is too large. */
export function answerTooDeep(): ModelCallError {
  return answerTooLarge('nests too deeply');
}

/** The endpoint speaks Responses, and the chat says what these have no words for. No call was made. */
export function notInResponses(fields: readonly string[]): ModelCallError {
  const names = fields.slice(0, 10).join(', ');
  const message = `The endpoint is called by the Responses API, which has nothing for: ${names}`;
  return new ModelCallError(
    { code: 'endpoint_rejected', message, retryable: false, status: 400 },
    {
      unsent: true,
      remote: {
        ...{ status: 400, code: 'unsupported_parameter', type: 'invalid_request_error' },
        ...{ param: fields[0] ?? null, message },
      },
    },
  );
}

/** The endpoint answered with a status that is not a success. */
export function refusedWithStatus(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: string,
  words: EndpointWords,
  nowMs: number,
): ModelCallError {
  const told = errorOfBody(body) ?? { code: null, type: null, param: null, message: body };
  const remote = fit({ ...told, status }, words);
  const message = `The endpoint answered ${status}${remote.message === '' ? '.' : `: ${remote.message}`}`;
  const notNow = notNowOfStatus(status, remote);
  return new ModelCallError(
    { code: codeOfStatus(status), message, retryable: isRetryableStatus(status) || notNow !== null, status },
    { retryAfterMs: retryAfterMs(headers, nowMs), notNow, remote },
  );
}

/**
 * The endpoint answered 200 and told an error in the answer.
 *
 * @param begun some of the answer was there already: the call was taken
 */
export function failedInAnswer(told: RemoteError, words: EndpointWords, begun: boolean): ModelCallError {
  const remote = fit(told, words);
  const { status } = remote;
  const notNow = status === null || begun ? null : notNowOfStatus(status, remote);
  const where = begun ? 'in the middle of its answer' : 'in place of an answer';
  return new ModelCallError(
    {
      code: codeOfStatus(status ?? 500),
      message: `The endpoint failed ${where}: ${remote.message}`,
      retryable: isRetryableStatus(status ?? 500) || notNow !== null,
      status,
    },
    { notNow, remote },
  );
}

/** No answer at all: translates what the HTTP client throws. */
export function unreachable(cause: unknown, connectTimeoutMs: number): ModelCallError {
  const { name, code, syscall } = cause as { name?: unknown; code?: unknown; syscall?: unknown };
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return timedOut('connect', connectTimeoutMs);
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE') {
    return failure('connection_lost', 'The endpoint closed the connection without an answer.', true);
  }
  if (name === 'HTTPParserError') return malformedAnswer('not HTTP');
  if (cause instanceof EgressRefusedError) return notAllowed(cause);
  // The message of the error has the address in it.
  const why = [code, syscall].filter((part) => typeof part === 'string' && part !== '').join(', ');
  return new ModelCallError(
    {
      code: 'endpoint_unreachable',
      message: `The endpoint can't be reached: ${why || 'unknown reason'}.`,
      retryable: true,
      status: null,
    },
    { notNow: isUnreached(cause) ? 'refused_connection' : null },
  );
}

/** What is refused and how to allow it is the operator's to know: the refusal names the host, and clients read this. */
function notAllowed({ code }: EgressRefusedError): ModelCallError {
  const message = `The endpoint's address is not allowed by security.egress (${code}).`;
  return new ModelCallError(
    { code: 'endpoint_not_allowed', message, retryable: true, status: null },
    { notNow: 'refused_connection' },
  );
}

function failure(code: string, message: string, retryable: boolean): ModelCallError {
  return new ModelCallError({ code, message, retryable, status: null });
}

function fit({ status, code, type, param, message }: RemoteError, words: EndpointWords): RemoteError {
  return {
    status,
    ...{ code: words.fitName(code), type: words.fitName(type), param: words.fitName(param) },
    message: words.fit(message),
  };
}
