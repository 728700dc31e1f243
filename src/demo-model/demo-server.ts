import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lastUserText } from './demo-answer.policy.js';
import { type DemoCallList, DemoCalls } from './demo-calls.js';
import { complete } from './demo-completion.js';
import { DemoDirectiveError, readScript } from './demo-directives.policy.js';
import { DEMO_MODELS, type DemoModel, rateOf } from './demo-models.js';
import { DemoBreak, type DemoReply, replyStreamed, replyWhole, sendJson } from './demo-reply.js';
import { DemoRefusal, type DemoRequest, readBody, validateRequest } from './demo-request.js';

export interface DemoModelOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** How fast the model `demo` answers; default 50. */
  readonly tokensPerSecond?: number;
  /** Whether `calls` and `GET /demo/calls` tell what users wrote; default false. */
  readonly recordTexts?: boolean;
}

export interface DemoModelServer {
  /** The base URL, ending in `/v1`. */
  readonly url: string;
  /** The calls seen so far; the same as `GET /demo/calls`. */
  calls(): DemoCallList;
  /** Ends the calls that still run. */
  close(): Promise<void>;
}

/** Idle connections stay open long enough that a client in between two thoughts need not connect again. */
const KEEP_ALIVE_MS = 60_000;

/**
 * An OpenAI-compatible server with a deterministic model, for trying things out and for tests. What it can be told to
 * do is described at `DemoScript`.
 *
 * @throws {Error} `EADDRINUSE` and the like from `listen`
 */
export async function startDemoModel(options: DemoModelOptions): Promise<DemoModelServer> {
  const { port, host = '127.0.0.1', tokensPerSecond = 50, recordTexts = false } = options;
  const calls = new DemoCalls(recordTexts);
  const server = createServer((request, response) => void route(request, response, calls, tokensPerSecond));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}/v1`,
    calls: () => calls.list(),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  calls: DemoCalls,
  tokensPerSecond: number,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  const what = `${request.method} ${path}`;
  if (what === 'POST /v1/chat/completions') return answerCall(request, response, calls, tokensPerSecond);
  if (what === 'GET /v1/models') return sendJson(response, 200, modelList());
  if (what === 'GET /demo/calls') return sendJson(response, 200, calls.list());
  return refuse(response, new DemoRefusal(404, `There is no ${what}.`, 'not_found'));
}

function modelList(): object {
  const data = DEMO_MODELS.map((id) => ({ id, object: 'model', created: 0, owned_by: 'llm-message-queue' }));
  return { object: 'list', data };
}

async function answerCall(
  request: IncomingMessage,
  response: ServerResponse,
  calls: DemoCalls,
  tokensPerSecond: number,
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  const id = calls.begin({
    at: new Date().toISOString(),
    traceparent: request.headers['traceparent']?.toString() ?? null,
    authorized: request.headers.authorization !== undefined,
  });
  try {
    const body = validateRequest(await readBody(request));
    const reply = prepare(id, body, calls, tokensPerSecond, left.signal);
    await (body.stream === true && !reply.script.json ? replyStreamed : replyWhole)(response, reply);
    calls.end(id, reply.trouble === null ? 'answered' : 'troubled');
  } catch (error) {
    calls.end(id, outcomeOf(error));
    refuse(response, error);
  }
}

/** @throws {DemoDirectiveError} */
function prepare(
  id: string,
  body: DemoRequest,
  calls: DemoCalls,
  tokensPerSecond: number,
  signal: AbortSignal,
): DemoReply {
  const text = lastUserText(body.messages);
  calls.describe(id, body.model, text, body);
  const script = readScript(text);
  const times = script.trouble === null ? 0 : calls.timesSeen(text);
  return {
    ...{ id, model: body.model, script, signal },
    created: Math.floor(Date.now() / 1_000),
    completion: complete(body, script),
    trouble: script.trouble !== null && times <= script.trouble.times ? script.trouble : null,
    tokensPerSecond: script.tokensPerSecond ?? rateOf(body.model as DemoModel, tokensPerSecond),
    includeUsage: body.stream_options?.include_usage === true,
  };
}

function outcomeOf(error: unknown): 'refused' | 'troubled' | 'left' {
  if (error instanceof DemoBreak) return 'troubled';
  return error instanceof DemoRefusal || error instanceof DemoDirectiveError ? 'refused' : 'left';
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const refusal =
    error instanceof DemoRefusal
      ? error
      : new DemoRefusal(400, (error as Error).message, 'invalid_directive');
  response.writeHead(refusal.status, { 'content-type': 'application/json' }).end(refusal.body);
}
