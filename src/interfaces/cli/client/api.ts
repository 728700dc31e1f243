import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '../command.error.js';
import { EXIT, exitCodeOfStatus } from '../exit-codes.policy.js';
import { addressOf, type ServiceOptions } from '../service-url.js';
import { refusalText, type ToldProblem, waitBeforeRetryMs } from './refusal.policy.js';

export interface Asked {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; it can't be sent twice. */
  readonly stream?: ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

const MOST_TRIES = 5;
const WAIT_AFTER_CUT_MS = 500;

/** The service over REST, as the commands of a client use it. */
export class Api {
  private hasAnswered = false;

  private constructor(
    private readonly url: string,
    private readonly apiKey: string | undefined,
    readonly signal: AbortSignal,
  ) {}

  static async of(options: ServiceOptions, signal: AbortSignal): Promise<Api> {
    return new Api(await addressOf(options), options.apiKey || undefined, signal);
  }

  /** The same service, for as long as this signal lets it. */
  until(signal: AbortSignal): Api {
    const api = new Api(this.url, this.apiKey, AbortSignal.any([this.signal, signal]));
    api.hasAnswered = this.hasAnswered;
    return api;
  }

  get address(): string {
    return this.url;
  }

  get<T>(path: string, query: Asked['query'] = {}): Promise<T> {
    return this.json<T>('GET', path, { query });
  }

  /** @throws {CommandError} */
  async json<T>(method: string, path: string, asked: Asked = {}): Promise<T> {
    const answer = await this.open(method, path, asked);
    return (answer.status === 204 ? null : await answer.json()) as T;
  }

  /**
   * What is read, and what has a key of its own, is sent again after a cut, and all after a `Retry-After` that is
   * short. A service that has never answered is not waited for: most likely it does not run.
   *
   * @returns an answer that is a success, unread
   * @throws {CommandError}
   */
  async open(method: string, path: string, asked: Asked = {}): Promise<Response> {
    const repeatable = method === 'GET' || asked.headers?.['idempotency-key'] !== undefined;
    for (let tries = 1; ; tries += 1) {
      const answer = await this.send(method, path, asked).catch((error: Error) => error);
      this.signal.throwIfAborted();
      const isLast = tries >= MOST_TRIES || asked.stream !== undefined;
      if (answer instanceof Error) {
        if (isLast || !repeatable || !this.hasAnswered) throw this.silence(answer);
        await sleep(WAIT_AFTER_CUT_MS, undefined, { signal: this.signal });
        continue;
      }
      this.hasAnswered = true;
      if (answer.ok) return answer;
      const wait = waitBeforeRetryMs(answer.status, answer.headers.get('retry-after'));
      if (isLast || wait === null) throw await refusal(`${method} ${this.url}${path}`, answer);
      await answer.body?.cancel();
      await sleep(wait, undefined, { signal: this.signal });
    }
  }

  private send(
    method: string,
    path: string,
    { query = {}, json, stream, headers }: Asked,
  ): Promise<Response> {
    const address = new URL(`${this.url}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(name, String(value));
    const init = {
      method,
      signal: this.signal,
      headers: {
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.apiKey === undefined ? {} : { authorization: `Bearer ${this.apiKey}` }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(stream === undefined ? {} : { body: stream, duplex: 'half' as const }),
    };
    return fetch(address, init);
  }

  private silence(error: Error): CommandError {
    const cause = (error.cause as Error | undefined)?.message || error.message;
    return new CommandError(
      `${this.url} got no answer: ${cause}. Is the service running, and is --url right?`,
      EXIT.notReached,
    );
  }
}

async function refusal(request: string, answer: Response): Promise<CommandError> {
  const problem = (await answer.json().catch(() => null)) as ToldProblem | null;
  return new CommandError(refusalText(request, answer.status, problem), exitCodeOfStatus(answer.status));
}
