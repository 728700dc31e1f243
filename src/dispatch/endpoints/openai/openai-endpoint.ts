import { type buildConnector, type Dispatcher, Pool } from 'undici';
import {
  type ModelAnswer,
  type ModelCall,
  ModelCallError,
  type ModelEndpoint,
} from '../model-endpoint.port.js';
import { MAX_ANSWER_BYTES } from './answer-assembly.js';
import { AnswerReader } from './answer-reader.js';
import { answerTooLarge, brokenStream, refusedWithStatus, timedOut, unreachable } from './call-errors.js';
import { CallLimits } from './call-limits.js';
import { chatRequest } from './chat-request.policy.js';
import { readEventStream, readText } from './response-body.js';

const MAX_ERROR_BYTES = 64 * 1024;
const ERROR_BODY_WITHIN_MS = 2_000;

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
  /** For the first byte of the answer's body. */
  readonly firstTokenTimeoutMs: number;
}

/**
 * An endpoint that speaks OpenAI's `POST {base_url}/chat/completions` over HTTP/1.1.
 *
 * A failed call is told, never repeated here. Redirects are not followed: they would carry the key elsewhere.
 */
export class OpenAiEndpoint implements ModelEndpoint {
  readonly name: string;
  readonly models: readonly string[];
  readonly maxConcurrency: number;
  private readonly path: string;
  private readonly headers: Record<string, string>;
  private readonly pool: Pool;

  constructor(private readonly options: OpenAiEndpointOptions) {
    const url = new URL(options.baseUrl);
    this.name = options.name;
    this.models = options.models;
    this.maxConcurrency = options.maxConcurrency;
    this.path = `${url.pathname.replace(/\/+$/, '')}/chat/completions${url.search}`;
    this.headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      'user-agent': 'llm-message-queue',
      ...(options.apiKey === null ? {} : { authorization: `Bearer ${options.apiKey}` }),
    };
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
      return await limits.race(() => this.attempt(call, limits));
    } catch (error) {
      // Once a limit has struck, whatever else is thrown is its consequence.
      if (limits.signal.aborted) throw limits.signal.reason;
      throw error;
    } finally {
      limits.close();
    }
  }

  /** Fails the calls that still run. */
  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async attempt(call: ModelCall, limits: CallLimits): Promise<ModelAnswer> {
    const startedMs = performance.now();
    const { firstTokenTimeoutMs, apiKey } = this.options;
    const onBytes = limits.within(firstTokenTimeoutMs, () => timedOut('first_token', firstTokenTimeoutMs));
    const response = await this.post(call, limits.signal);
    if (response.statusCode < 200 || response.statusCode > 299) throw await this.refusal(response);
    const elapsedMs = () => Math.round(performance.now() - startedMs);
    const reader = new AnswerReader({ onDelta: call.onDelta, key: apiKey, model: call.model, elapsedMs });
    if (isJson(response)) await readWhole(response.body, reader);
    else await readEventStream(response.body, reader, onBytes);
    return reader.result();
  }

  private async post(call: ModelCall, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { traceparent } = call;
    try {
      return await this.pool.request({
        method: 'POST',
        path: this.path,
        headers: traceparent === undefined ? this.headers : { ...this.headers, traceparent },
        body: JSON.stringify(chatRequest(call.request, call.model)),
        signal,
      });
    } catch (error) {
      throw unreachable(error, this.options.connectTimeoutMs);
    }
  }

  private async refusal({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<ModelCallError> {
    const { text } = await readText(body, MAX_ERROR_BYTES, ERROR_BODY_WITHIN_MS);
    return refusedWithStatus(statusCode, headers, text, this.options.apiKey, Date.now());
  }
}

function isJson({ headers }: Dispatcher.ResponseData): boolean {
  return /^application\/([\w.+-]+\+)?json\b/i.test(String(headers['content-type'] ?? ''));
}

async function readWhole(body: Dispatcher.ResponseData['body'], reader: AnswerReader): Promise<void> {
  // Escapes and fields that are not kept can make the text longer than the answer in it.
  const { text, end } = await readText(body, 2 * MAX_ANSWER_BYTES);
  if (end === 'too_large') throw answerTooLarge(2 * MAX_ANSWER_BYTES);
  if (end === 'broken') throw brokenStream();
  reader.whole(text);
}
