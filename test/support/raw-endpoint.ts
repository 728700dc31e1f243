import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  type ModelAnswer,
  type ModelCall,
  ModelCallError,
} from '../../src/dispatch/endpoints/model-endpoint.port.js';
import {
  OpenAiEndpoint,
  type OpenAiEndpointOptions,
} from '../../src/dispatch/endpoints/openai/openai-endpoint.js';

export interface SeenCall {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly raw: string;
  readonly body: Record<string, unknown>;
}

export type Answering = (response: ServerResponse, call: SeenCall, count: number) => void | Promise<void>;

/** A model server whose every byte is the test's, and the endpoint that calls it. */
export class RawEndpoint {
  private constructor(
    readonly endpoint: OpenAiEndpoint,
    /** In the order in which they came. */
    readonly calls: readonly SeenCall[],
    private readonly stop: () => void,
  ) {}

  static async start(
    answering: Answering,
    options: Partial<OpenAiEndpointOptions> = {},
  ): Promise<RawEndpoint> {
    const calls: SeenCall[] = [];
    const server = createServer(async (request, response) => {
      response.on('error', () => undefined);
      const raw = await text(request);
      const call = { path: request.url ?? '', headers: request.headers, raw, body: JSON.parse(raw) };
      calls.push(call);
      await answering(response, call, calls.length);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = new OpenAiEndpoint({
      ...{ name: 'raw', models: ['m'], maxConcurrency: 8, apiKey: null },
      ...{ connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      ...options,
    });
    return new RawEndpoint(endpoint, calls, () => {
      server.closeAllConnections();
      server.close();
    });
  }

  async ask(change: Partial<ModelCall> = {}): Promise<Asked> {
    const pieces: Record<string, unknown>[] = [];
    const call: ModelCall = {
      messageId: '0197a1b2-0000-7000-8000-00000000abcd',
      request: { content: 'x', model: null, parameters: {} },
      ...{ model: 'm', timeoutMs: 60_000, signal: new AbortController().signal },
      onDelta: (piece) => pieces.push(piece),
      ...change,
    };
    return { ...(await this.endpoint.call(call)), pieces };
  }

  async fail(change: Partial<ModelCall> = {}): Promise<ModelCallError> {
    try {
      await this.ask(change);
    } catch (error) {
      if (error instanceof ModelCallError) return error;
      throw error;
    }
    throw new Error('The call succeeded.');
  }

  async close(): Promise<void> {
    await this.endpoint.close();
    this.stop();
  }
}

export interface Asked extends ModelAnswer {
  readonly pieces: Record<string, unknown>[];
}

/** Events as a server sends them; texts go out as they are. */
export function sse(...data: (object | string)[]): string {
  return data.map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`).join('');
}

export function sendEvents(response: ServerResponse, ...texts: string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(texts.join(''));
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
