import { ModelCallError } from '../model-endpoint.port.js';
import { codeOfStatus, isRetryableStatus, retryAfterMs, statusInStream } from './retryable.policy.js';

/** An endpoint's own words go into events and to clients, so they are kept short. */
const LONGEST_QUOTE = 500;

export function timedOut(what: 'connect' | 'first_token' | 'call', afterMs: number): ModelCallError {
  const message = {
    connect: `No connection to the endpoint within ${afterMs} ms.`,
    first_token: `The endpoint sent nothing within ${afterMs} ms.`,
    call: `The call was not finished within ${afterMs} ms.`,
  }[what];
  return failure(`${what}_timeout`, message, true);
}

/** The connection ended before the answer was whole. */
export function brokenStream(cause: unknown = null): ModelCallError {
  const why = cause instanceof Error ? ` (${quote(cause.message)})` : '';
  return failure('broken_stream', `The endpoint broke off before the end of its answer${why}.`, true);
}

/** Not what the OpenAI protocol allows. Retried, since proxies answer such things while a server restarts. */
export function malformedAnswer(what: string): ModelCallError {
  return failure('malformed_answer', `The endpoint's answer is not in OpenAI's format: ${what}.`, true);
}

/** Not retried: the same request would most likely be answered at the same length again, at the same cost. */
export function answerTooLarge(limitBytes: number): ModelCallError {
  return failure('answer_too_large', `The answer is larger than ${limitBytes} bytes.`, false);
}

/** The endpoint answered with a status that is not a success. */
export function refusedWithStatus(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: string,
  key: string | null,
  nowMs: number,
): ModelCallError {
  const words = ownWords(body, key);
  return new ModelCallError(
    {
      code: codeOfStatus(status),
      message: `The endpoint answered ${status}${words === '' ? '.' : `: ${words}`}`,
      retryable: isRetryableStatus(status),
      status,
    },
    { retryAfterMs: retryAfterMs(headers, nowMs) },
  );
}

/** The endpoint answered 200 and told an error in the answer. */
export function failedInStream(error: unknown, key: string | null): ModelCallError {
  const status = statusInStream(typeof error === 'object' && error !== null ? error : {});
  const words = ownWords(JSON.stringify({ error }), key);
  return new ModelCallError({
    code: codeOfStatus(status),
    message: `The endpoint failed in the middle of its answer: ${words}`,
    retryable: isRetryableStatus(status),
    status: null,
  });
}

/** No answer at all: translates what the HTTP client throws. */
export function unreachable(cause: unknown, connectTimeoutMs: number): ModelCallError {
  const { name, code, message } = cause as { name?: unknown; code?: unknown; message?: unknown };
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return timedOut('connect', connectTimeoutMs);
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE') {
    return failure('connection_lost', 'The endpoint closed the connection without an answer.', true);
  }
  if (name === 'HTTPParserError') return malformedAnswer('not HTTP');
  const why = [code, message].filter((part) => typeof part === 'string' && part !== '').join(' ');
  return failure('endpoint_unreachable', `The endpoint can't be reached: ${quote(why || 'unknown')}`, true);
}

function failure(code: string, message: string, retryable: boolean): ModelCallError {
  return new ModelCallError({ code, message, retryable, status: null });
}

/** The message in an error body: OpenAI's `error.message`, the shapes of other servers, or the text as it is. */
function ownWords(body: string, key: string | null): string {
  const words = messageIn(body) ?? body;
  // Some servers quote the key that they refuse.
  return quote(key === null ? words : words.replaceAll(key, '[key]'));
}

function messageIn(body: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  const { error, message, detail } = (value ?? {}) as Record<string, unknown>;
  const inner = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const found = [inner.message, error, message, detail].find(
    (each) => typeof each === 'string' && each !== '',
  );
  return (found as string | undefined) ?? null;
}

/** One line of well-formed text: control characters and halves of a cut pair would trouble whoever stores it. */
function quote(text: string): string {
  const line = text
    .slice(0, LONGEST_QUOTE + 1)
    .replace(/\p{Surrogate}/gu, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return text.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE)}…` : line;
}
