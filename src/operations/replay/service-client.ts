import { setTimeout as sleep } from 'node:timers/promises';

/** The service refused, or could not be reached, for good. */
export class ServiceRefusalError extends Error {
  readonly code = 'service_refused';
}

export interface ServiceClientOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly apiKey?: string;
  readonly signal: AbortSignal;
}

const MOST_TRIES = 60;
/** Tries of a service that has never answered: most likely it does not run. */
const FIRST_TRIES = 3;
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: the service's own JSON, of which the caller takes what it knows.
export type ServiceJson = any;

/** Talks to the service over REST as any client does. It obeys the service's limits and its `Retry-After`. */
export class ServiceClient {
  private hasAnswered = false;

  constructor(private readonly options: ServiceClientOptions) {}

  get(path: string): Promise<ServiceJson> {
    return this.request('GET', path);
  }

  /** @param key makes the submission one that is stored once, however often it is sent */
  post(path: string, body: object, key: string): Promise<ServiceJson> {
    return this.request('POST', path, JSON.stringify(body), {
      'content-type': 'application/json',
      'idempotency-key': key,
    });
  }

  /** @throws {ServiceRefusalError} */
  private async request(
    method: string,
    path: string,
    body?: string,
    more: Record<string, string> = {},
  ): Promise<ServiceJson> {
    const { url, apiKey, signal } = this.options;
    const headers = { ...more, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) };
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(`${url}${path}`, { method, headers, body, signal }).catch(
        (error: Error) => error,
      );
      signal.throwIfAborted();
      if (!(answer instanceof Error)) this.hasAnswered = true;
      if (!(answer instanceof Error) && answer.ok) return answer.json();
      const wait = answer instanceof Error ? SHORTEST_WAIT_MS : waitAskedFor(answer);
      if (wait === null || tries >= (this.hasAnswered ? MOST_TRIES : FIRST_TRIES))
        throw await refusal(`${method} ${url}${path}`, answer);
      if (!(answer instanceof Error)) await answer.body?.cancel();
      await sleep(wait, undefined, { signal });
    }
  }
}

/** Null if a retry can't help. */
function waitAskedFor({ status, headers }: Response): number | null {
  if (status !== 429 && status !== 503) return null;
  const seconds = Number(headers.get('retry-after') ?? 1);
  return Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, Number.isNaN(seconds) ? 0 : seconds * 1_000));
}

const KEY_HINTS: Readonly<Record<number, string>> = {
  401: '. Give a key with --api-key (or LLMQ_KEY)',
  403: '. Give a key that may do it with --api-key (or LLMQ_KEY)',
};

async function refusal(what: string, answer: Response | Error): Promise<ServiceRefusalError> {
  if (answer instanceof Error) {
    const cause = (answer.cause as Error | undefined)?.message ?? answer.message;
    return new ServiceRefusalError(
      `${what} got no answer: ${cause}. Is the service running, and is --url right?`,
    );
  }
  const problem: ServiceJson = await answer.json().catch(() => ({}));
  const hint = KEY_HINTS[answer.status] ?? '';
  return new ServiceRefusalError(
    `${what} was refused with ${answer.status}: ${problem.detail ?? 'no reason given'}${hint}`,
  );
}
