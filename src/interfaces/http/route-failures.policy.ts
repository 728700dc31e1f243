/** What a route is, as far as the ways in which it may fail depend on it. */
export interface DescribedRoute {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/api/v1/messages/{id}`. */
  readonly path: string;
  readonly hasQuery: boolean;
}

/**
 * The statuses with which the service itself refuses a request of the route, or fails at it. Limits of REST (429) are
 * left out: the routes that have some say so themselves.
 *
 * - 405 is told to another method on the same path.
 * - A `POST` may carry an `Idempotency-Key`: one in use is 409, one of another request 422, and the result of the first
 *   request may have been erased (404).
 * - What changes something writes to the log, which may be full (507).
 * - Health asks for no key, and tells in a form of its own that the service is not ready.
 */
export function failuresOf({ method, path, hasQuery }: DescribedRoute): number[] {
  if (isHealthPath(path)) return [400, 405, 500];
  const writes = method !== 'get';
  const named = path.includes('{');
  const found = [
    [true, 400, 401, 403, 405, 500, 503],
    [named || method === 'post', 404],
    [named, 414],
    [writes, 409, 413, 415, 507],
    [method === 'post' || isInOpenAiForm(path) ? method === 'post' : writes || named || hasQuery, 422],
    [isModelCall({ method, path }), 429, 502, 504],
  ] as const;
  return found.flatMap(([may, ...statuses]) => (may ? statuses : [])).sort((one, other) => one - other);
}

/** Served to everybody, and in the same form in every state of the service. */
export function isHealthPath(path: string): boolean {
  return /^\/(api\/v1\/)?health(\/|$)/.test(path);
}

/** Under `/v1` failures are told in OpenAI's form. */
export function isInOpenAiForm(path: string): boolean {
  return path.startsWith('/v1/');
}

const MODEL_CALL = /^\/v1\/(chat\/completions|completions|embeddings|responses)$/;

/** Answered by an endpoint, whose own statuses its clients are told. */
export function isModelCall({ method, path }: Pick<DescribedRoute, 'method' | 'path'>): boolean {
  return MODEL_CALL.test(path) && method === 'post';
}
