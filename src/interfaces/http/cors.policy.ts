/** What pages may read of an answer beside its body. */
const READABLE = [
  ...['location', 'retry-after', 'x-request-id', 'x-llmq-message-id', 'x-should-retry'],
  ...['idempotency-replayed', 'idempotency-key-ttl'],
].join(', ');
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
/** How long a browser remembers a preflight: ten minutes. */
const MAX_AGE_SECONDS = '600';

export interface CrossOriginRequest {
  readonly method: string;
  readonly origin: string | undefined;
  /** The headers of a preflight. */
  readonly wantedMethod: string | undefined;
  readonly wantedHeaders: string | undefined;
}

export interface CrossOriginAnswer {
  readonly headers: Readonly<Record<string, string>>;
  /** A preflight: answered at once, and without a key, since browsers send none with it. */
  readonly isPreflight: boolean;
}

/** Origins as browsers name them: in lower case, without the port that is usual. */
export function plainOrigins(origins: readonly string[]): ReadonlySet<string> {
  return new Set(origins.map((origin) => new URL(origin).origin));
}

/**
 * What lets a page of a named origin in, by the Fetch standard. Which headers it may send is up to the page: its key is
 * what the service goes by, and browsers send no cookies.
 */
export function crossOrigin(
  { method, origin, wantedMethod, wantedHeaders }: CrossOriginRequest,
  known: ReadonlySet<string>,
): CrossOriginAnswer {
  const vary = { vary: 'origin' };
  if (origin === undefined || !known.has(origin)) return { headers: vary, isPreflight: false };
  const allowed = { ...vary, 'access-control-allow-origin': origin };
  if (method !== 'OPTIONS' || wantedMethod === undefined) {
    return { headers: { ...allowed, 'access-control-expose-headers': READABLE }, isPreflight: false };
  }
  return {
    headers: {
      ...allowed,
      'access-control-allow-methods': METHODS,
      ...(wantedHeaders === undefined ? {} : { 'access-control-allow-headers': wantedHeaders }),
      'access-control-max-age': MAX_AGE_SECONDS,
    },
    isPreflight: true,
  };
}
