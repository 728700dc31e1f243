import { type Failure, httpStatus, moreProblemsOf, problemsOf } from '../http/failure.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** What a status says, for people. */
export const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'An API key is needed',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Not in this state',
  413: 'Too large',
  414: 'The address is too long',
  415: 'The body must be JSON',
  422: 'A field is not valid',
  429: 'Too many messages wait',
  500: 'Internal error',
  503: 'Not available right now',
  507: 'No room for new messages',
};

/** For codes of which the status says too little. */
const TITLES_OF_CODES: Readonly<Record<string, string>> = {
  unsupported_encoding: 'The body is encoded in a way that is not read here',
  idempotency_key_reused: 'The key belongs to another request',
  too_many_conversations: 'Too many conversations',
  too_many_of_key: 'Too much is open of one key',
};

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** The first field that is wrong. */
  readonly field?: string;
  readonly errors?: readonly { readonly field: string; readonly reason: string }[];
  /** How many there are beyond those. */
  readonly more_errors?: number;
}

/** A failure in the form of RFC 9457, with our `code`, `field` and `errors` beside the standard members. */
export function toProblem(failure: Failure): Problem {
  const { code, message: detail } = failure;
  const status = httpStatus(failure);
  const problems = problemsOf(failure);
  const [first] = problems;
  const moreErrors = moreProblemsOf(failure);
  return {
    type: `urn:llm-message-queue:problem:${code}`,
    title: TITLES_OF_CODES[code] ?? TITLES[status] ?? 'The request failed',
    ...{ status, detail, code },
    ...(first === undefined ? {} : { field: first.field, errors: problems }),
    ...(moreErrors === 0 ? {} : { more_errors: moreErrors }),
  };
}
