import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One call as the endpoint sees it. */
export interface SeenCall {
  readonly atMs: number;
  readonly tokens: number;
}

export interface LimitedEndpoint {
  /** As OpenAI SDKs write it, ending in `/v1`. */
  readonly url: string;
  readonly calls: readonly SeenCall[];
  /** Calls under way. */
  readonly running: number;
  /** The most calls at once. */
  readonly peak: number;
  /** By the header `x-worker` of who asked whether the server is well. */
  readonly checks: readonly string[];
  /** What calls are answered with, 200 as it comes; checks are then answered with 503. */
  status: number;
  /** The most of a number of each call within any span of so many milliseconds. */
  most(withinMs: number, of: (call: SeenCall) => number): number;
  close(): Promise<void>;
}

/** An OpenAI-compatible endpoint that keeps what an operator of one would measure: calls at once, and those of a minute. */
export async function startLimitedEndpoint(
  takesMs: number,
  tokensOf: () => number = () => 10,
): Promise<LimitedEndpoint> {
  const calls: SeenCall[] = [];
  const checks: string[] = [];
  const seen = { running: 0, peak: 0, status: 200 };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    response.setHeader('content-type', 'application/json');
    if (request.method !== 'POST') {
      checks.push(String(request.headers['x-worker']));
      response.writeHead(seen.status === 200 ? 200 : 503).end('{}');
      return;
    }
    const tokens = tokensOf();
    calls.push({ atMs: performance.now(), tokens });
    seen.running += 1;
    seen.peak = Math.max(seen.peak, seen.running);
    response.on('close', () => {
      seen.running -= 1;
    });
    const message = { role: 'assistant', content: 'yes' };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    const usage = { prompt_tokens: 1, completion_tokens: tokens - 1 };
    const body = { id: '1', object: 'chat.completion', model: 'm', choices, usage };
    setTimeout(() => response.writeHead(seen.status).end(JSON.stringify(body)), takesMs);
  }

  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    checks,
    get running() {
      return seen.running;
    },
    get peak() {
      return seen.peak;
    },
    get status() {
      return seen.status;
    },
    set status(status) {
      seen.status = status;
    },
    most: (withinMs, of) => most(calls, withinMs, of),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function most(calls: readonly SeenCall[], withinMs: number, of: (call: SeenCall) => number): number {
  let first = 0;
  let sum = 0;
  let result = 0;
  for (const call of calls) {
    sum += of(call);
    while (call.atMs - calls[first]!.atMs >= withinMs) {
      sum -= of(calls[first]!);
      first += 1;
    }
    result = Math.max(result, sum);
  }
  return result;
}
