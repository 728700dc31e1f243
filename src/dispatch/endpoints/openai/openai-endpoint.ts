import { type buildConnector, type Dispatcher, Pool } from 'undici';
import type { ModelRequest } from '../../../domain/message/message.events.js';
import { type TraceContext, traceOf } from '../../../domain/trace-context.policy.js';
import { type ExactNumbers, stringifyExactly } from '../../../platform/json/exact-numbers.js';
import type { CheckResult } from '../health/health.state.js';
import { readStatus } from '../health/server-check.policy.js';
import {
  type ModelAnswer,
  type ModelCall,
  ModelCallError,
  type ModelEndpoint,
  type ServerPlace,
} from '../model-endpoint.port.js';
import { AnswerReader } from './answer-reader.js';
import { notInResponses, refusedWithStatus, timedOut, unreachable } from './call-errors.js';
import { CallLimits } from './call-limits.js';
import { type Asking, isWholeOnly, pathOf, requestBody } from './chat-request.policy.js';
import { decoded } from './content-encoding.js';
import { EndpointWords } from './endpoint-words.js';
import { LearnedRefusals } from './learned-refusals.js';
import { isUnreached } from './not-now.policy.js';
import { hostsOpenAi, providerAt } from './provider.policy.js';
import { readAnswer, readText } from './response-body.js';
import { ResponseChunks } from './responses/response-chunks.policy.js';
import { exactInResponses, responsesAsked } from './responses/responses-body.policy.js';
import { lackedByResponses } from './responses/responses-words.policy.js';
import { type Refusable, refusedWord } from './stream-refusal.policy.js';

const MAX_ERROR_BYTES = 64 * 1024;
const ERROR_BODY_WITHIN_MS = 2_000;
const IDLE_TIMEOUT_MS = 30_000;
/**
 * Of an answer that is not streamed nothing is seen until it is there. So its first byte may take as long as OpenAI's own
 * clients wait.
 */
const WHOLE_ANSWER_WITHIN_MS = 600_000;

/** What was odd about an answer that is given all the same; nothing of the answer itself. */
export interface Oddity {
  readonly endpoint: string;
  /** By the endpoint's own name of it. */
  readonly model: string;
  readonly messageId: string;
  readonly trace: TraceContext;
  readonly what: string;
}

export interface OpenAiEndpointOptions {
  readonly name: string;
  /** As OpenAI SDKs write it, ending in `/v1`. */
  readonly baseUrl: string;
  readonly models: readonly string[];
  readonly maxConcurrency: number;
  /** Sent as `Authorization: Bearer`; null where the endpoint wants none. */
  readonly apiKey: string | null;
  readonly connectTimeoutMs: number;
  /** How it connects, with its time limit: `EgressPolicy.connector`. Without one, to wherever the name leads. */
  readonly connector?: buildConnector.connector;
  /** For the first piece of a streamed answer: neither a ping nor an empty delta is one. */
  readonly firstTokenTimeoutMs: number;
  /** Between two pieces, or events of Responses; 30 s where it is not said. */
  readonly idleTimeoutMs?: number;
  /** How chats are asked for; `chat_completions` where it is not said. */
  readonly api?: 'chat_completions' | 'responses';
  /** `never`: the endpoint can't stream. */
  readonly stream?: 'auto' | 'never';
  /** `never`: the endpoint refuses `stream_options`. */
  readonly includeUsage?: 'auto' | 'never';
  /** Sent with each call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Told at most once for each call. */
  readonly onOddity?: (oddity: Oddity) => void;
}

/**
 * An endpoint that speaks OpenAI's `POST {base_url}/chat/completions` or `/responses`, `/completions` and `/embeddings`
 * over HTTP/1.1.
 *
 * A failed call is told, not repeated here, but for two cases in which it is the way of asking that failed: an endpoint
 * that refuses `stream` or `stream_options` is asked without, and remembered so; and where a stream ends without a word,
 * the answer is asked for whole, which tells errors that some servers leave out of streams.
 *
 * Redirects are not followed: they would carry the key elsewhere.
 */
export class OpenAiEndpoint implements ModelEndpoint {
  readonly name: string;
  readonly models: readonly string[];
  readonly maxConcurrency: number;
  readonly server: ServerPlace;
  readonly lacks: ModelEndpoint['lacks'];
  private readonly basePath: string;
  private readonly search: string;
  private readonly streamHeaders: Record<string, string>;
  private readonly wholeHeaders: Record<string, string>;
  private readonly words: EndpointWords;
  private readonly refusals: LearnedRefusals;
  private readonly pool: Pool;
  /** Its answers have a field that vLLM gives them, which goes on with a message only where it is told to. */
  private looksLikeVllm = false;

  constructor(private readonly options: OpenAiEndpointOptions) {
    const url = new URL(options.baseUrl);
    const { name, apiKey, headers = {} } = options;
    this.name = name;
    this.models = options.models;
    this.maxConcurrency = options.maxConcurrency;
    this.server = serverAt(url);
    this.lacks = options.api === 'responses' ? lackedByResponses : undefined;
    this.basePath = url.pathname.replace(/\/+$/, '');
    this.search = url.search;
    this.wholeHeaders = headersOf(headers, apiKey, 'application/json');
    this.streamHeaders = headersOf(headers, apiKey, 'text/event-stream, application/json');
    this.words = new EndpointWords([apiKey ?? '', ...secretsIn(headers)], url.hostname);
    this.refusals = new LearnedRefusals({
      stream: options.stream === 'never',
      stream_options: options.includeUsage === 'never',
    });
    this.pool = new Pool(url.origin, {
      pipelining: 1,
      // Unbounded here, since leases bound the calls: a connection that still drains or dies must not keep the next
      // call waiting, unseen, in the pool's queue.
      connections: null,
      connect: options.connector ?? { timeout: options.connectTimeoutMs },
      // Time limits are this class's own, per call.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async call(call: ModelCall): Promise<ModelAnswer> {
    const limits = new CallLimits(call.signal);
    limits.within(call.timeoutMs, () => timedOut('call', call.timeoutMs));
    try {
      return await limits.race(() => this.answer(call, limits));
    } catch (error) {
      // Once a limit has struck, whatever else is thrown is its consequence.
      if (limits.signal.aborted) throw limits.signal.reason;
      throw error;
    } finally {
      limits.close();
    }
  }

  /** `GET /health` at the server's root, as llama.cpp and vLLM have it, or the list of models. */
  async check(signal: AbortSignal): Promise<CheckResult> {
    for (const path of ['/health', `${this.basePath}/models${this.search}`]) {
      const result = await this.ask(path, signal);
      if (result !== null) return result;
    }
    return 'unknown';
  }

  /** Fails the calls that still run. */
  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async ask(path: string, signal: AbortSignal): Promise<CheckResult | null> {
    try {
      const { 'content-type': _none, ...headers } = this.wholeHeaders;
      const { statusCode, body } = await this.pool.request({ method: 'GET', path, headers, signal });
      await body.dump();
      return readStatus(statusCode);
    } catch (error) {
      // A connection that breaks says as little as one that is slow.
      return isUnreached(error) ? 'down' : 'silent';
    }
  }

  /** Asks in ever simpler ways, as long as it is the way that fails. */
  private async answer(call: ModelCall, limits: CallLimits): Promise<ModelAnswer> {
    const startedMs = performance.now();
    const without = new Set<Refusable>(this.refusals.of(call.model));
    if (isWholeOnly(call.request)) without.add('stream');
    const refused: Refusable[] = [];
    for (;;) {
      const asking = this.asking(call, without);
      try {
        const answer = await this.exchange(call, asking, limits, startedMs);
        if (answer !== null) {
          for (const word of refused) this.refusals.learn(call.model, word);
          return answer;
        }
        without.add('stream');
      } catch (error) {
        const word =
          error instanceof ModelCallError && error.remote !== null ? refusedWord(error.remote) : null;
        if (word === null || !isIn(asking, word)) throw error;
        without.add(word);
        refused.push(word);
      }
    }
  }

  private asking({ prefill }: ModelCall, without: ReadonlySet<Refusable>): Asking {
    return {
      stream: !without.has('stream'),
      usage: !without.has('stream_options'),
      ...(prefill === undefined ? {} : { prefill }),
      continuesWhenTold: this.looksLikeVllm && !without.has('continue_final_message'),
    };
  }

  /** @returns null for a stream that ended without a word */
  private async exchange(
    call: ModelCall,
    asking: Asking,
    limits: CallLimits,
    startedMs: number,
  ): Promise<ModelAnswer | null> {
    const { firstTokenTimeoutMs, idleTimeoutMs = IDLE_TIMEOUT_MS, onOddity } = this.options;
    const firstWithinMs = asking.stream
      ? firstTokenTimeoutMs
      : Math.max(firstTokenTimeoutMs, WHOLE_ANSWER_WITHIN_MS);
    const first = limits.within(firstWithinMs, () => timedOut('first_token', firstWithinMs));
    const idle = limits.later(idleTimeoutMs, () => timedOut('idle', idleTimeoutMs));
    const reader = new AnswerReader({
      onDelta: call.onDelta,
      onProgress: () => {
        first.lift();
        idle.renew();
      },
      onOddity: (what) =>
        onOddity?.({
          ...{ endpoint: this.name, model: call.model, messageId: call.messageId },
          ...{ trace: traceOf(call), what },
        }),
      words: this.words,
      model: call.model,
      choices: choicesAsked(call),
      seed: call.messageId,
      chunks: this.speaksResponses(call.request) ? new ResponseChunks() : undefined,
      elapsedMs: () => Math.round(performance.now() - startedMs),
    });
    try {
      const response = await this.post(call, asking, limits.signal);
      const body = decoded(response.body, response.headers['content-encoding']);
      if (response.statusCode < 200 || response.statusCode > 299) throw await this.refusal(response, body);
      const { broken, cause } = await readAnswer(body, reader, () => {
        first.lift();
        idle.lift();
      });
      if (asking.stream && !broken && reader.isEmpty) return null;
      this.looksLikeVllm ||= reader.looksLikeVllm;
      return reader.result(broken, cause);
    } finally {
      first.lift();
      idle.lift();
    }
  }

  private async post(call: ModelCall, asking: Asking, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { traceparent, tracestate } = call;
    const { path, body } = this.asked(call, asking);
    const headers = { ...(asking.stream ? this.streamHeaders : this.wholeHeaders) };
    if (traceparent !== undefined) headers['traceparent'] = traceparent;
    if (tracestate !== undefined) headers['tracestate'] = tracestate;
    try {
      return await this.pool.request({
        method: 'POST',
        path: `${this.basePath}${path}${this.search}`,
        ...{ headers, body },
        signal,
      });
    } catch (error) {
      throw unreachable(error, this.options.connectTimeoutMs);
    }
  }

  private speaksResponses({ kind = 'chat' }: ModelRequest): boolean {
    return this.options.api === 'responses' && kind === 'chat';
  }

  /** @throws {ModelCallError} for what the endpoint's API has no words for */
  private asked({ request, model }: ModelCall, asking: Asking): { path: string; body: string } {
    if (!this.speaksResponses(request))
      return { path: pathOf(request), body: bodyText(requestBody(request, model, asking), request.exact) };
    const { prefill, ...plain } = asking;
    const { body, problems } = responsesAsked({
      body: requestBody(request, model, { ...plain, usage: false }),
      ...{ prefill, summary: request.response?.settings['summary'] },
      withoutReasoning: hostsOpenAi(this.server.address),
    });
    if (problems.length > 0) throw notInResponses(problems);
    const { exact } = request;
    return {
      path: '/responses',
      body: bodyText(body, exact === undefined ? undefined : exactInResponses(exact)),
    };
  }

  private async refusal(
    { statusCode, headers }: Dispatcher.ResponseData,
    body: Parameters<typeof readText>[0],
  ): Promise<ModelCallError> {
    const text = await readText(body, MAX_ERROR_BYTES, ERROR_BODY_WITHIN_MS);
    return refusedWithStatus(statusCode, headers, text, this.words, Date.now());
  }
}

function bodyText(body: Record<string, unknown>, exact: ExactNumbers | undefined): string {
  return exact === undefined ? JSON.stringify(body) : stringifyExactly(body, exact);
}

/** Set by the connection itself. */
const NOT_TO_BE_SET: ReadonlySet<string> = new Set([
  ...['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'expect'],
]);

function headersOf(
  configured: Readonly<Record<string, string>>,
  apiKey: string | null,
  accept: string,
): Record<string, string> {
  const own = Object.entries(configured)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !NOT_TO_BE_SET.has(name));
  return {
    'user-agent': 'llm-message-queue',
    ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
    ...Object.fromEntries(own),
    'content-type': 'application/json',
    accept,
    // A stream that a proxy compresses comes in lumps.
    'accept-encoding': 'identity',
  };
}

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

function serverAt({ hostname, port, protocol }: URL): ServerPlace {
  return { provider: providerAt(hostname), address: hostname, port: Number(port) || (PORTS[protocol] ?? 0) };
}

function secretsIn(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers)
    .filter(([name]) => /key|token|auth|secret|cookie|password/i.test(name))
    .map(([, value]) => value.replace(/^(Bearer|Basic)\s+/i, ''));
}

function isIn(asking: Asking, word: Refusable): boolean {
  if (word === 'continue_final_message')
    return asking.continuesWhenTold === true && asking.prefill !== undefined;
  return word === 'stream' ? asking.stream : asking.stream && asking.usage;
}

function choicesAsked({ request }: ModelCall): number {
  const { n } = request.parameters;
  return typeof n === 'number' && Number.isInteger(n) && n > 1 ? n : 1;
}
