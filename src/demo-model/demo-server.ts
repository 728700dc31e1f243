import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lastUserText } from './demo-answer.policy.js';
import { type DemoCallList, DemoCalls } from './demo-calls.js';
import { complete, completeTexts } from './demo-completion.js';
import { DemoDirectiveError, readScript } from './demo-directives.policy.js';
import { demoEmbeddings } from './demo-embeddings.policy.js';
import { DEMO_MODELS, type DemoModel, rateOf } from './demo-models.js';
import { begin, DemoBreak, type DemoReply, replyStreamed, replyWhole, sendJson } from './demo-reply.js';
import {
  DemoRefusal,
  type DemoRequest,
  readBody,
  validateEmbeddings,
  validateRequest,
  validateTextRequest,
} from './demo-request.js';

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
  const answer = ANSWERS[what];
  if (answer !== undefined) return answerCall(request, response, calls, tokensPerSecond, answer);
  if (what === 'GET /v1/models') return sendJson(response, 200, modelList());
  if (what === 'GET /demo/calls') return sendJson(response, 200, calls.list());
  return refuse(response, new DemoRefusal(404, `There is no ${what}.`, 'not_found'));
}

function modelList(): object {
  const data = DEMO_MODELS.map((id) => ({ id, object: 'model', created: 0, owned_by: 'llm-message-queue' }));
  return { object: 'list', data };
}

interface Call {
  readonly id: string;
  readonly calls: DemoCalls;
  readonly tokensPerSecond: number;
  readonly signal: AbortSignal;
}

/** How a body is answered. @throws {DemoRefusal} @throws {DemoDirectiveError} */
type Answer = (response: ServerResponse, body: string, call: Call) => Promise<Told['trouble']>;

const ANSWERS: Readonly<Record<string, Answer>> = {
  'POST /v1/chat/completions': answerChat,
  'POST /v1/completions': answerText,
  'POST /v1/embeddings': answerEmbeddings,
};

async function answerCall(
  request: IncomingMessage,
  response: ServerResponse,
  calls: DemoCalls,
  tokensPerSecond: number,
  answer: Answer,
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  const id = calls.begin({
    at: new Date().toISOString(),
    traceparent: request.headers['traceparent']?.toString() ?? null,
    authorized: request.headers.authorization !== undefined,
  });
  try {
    const call = { id, calls, tokensPerSecond, signal: left.signal };
    const trouble = await answer(response, await readBody(request), call);
    calls.end(id, trouble === null ? 'answered' : 'troubled');
  } catch (error) {
    calls.end(id, outcomeOf(error));
    refuse(response, error);
  }
}

async function answerChat(response: ServerResponse, text: string, call: Call): Promise<Told['trouble']> {
  const body = validateRequest(text);
  const told = toldIn(lastUserText(body.messages), body, call);
  return reply(response, body, { ...told, kind: 'chat', completion: complete(body, told.script) }, call);
}

async function answerText(response: ServerResponse, text: string, call: Call): Promise<Told['trouble']> {
  const body = validateTextRequest(text);
  const told = toldIn([body.prompt].flat().at(-1) ?? '', body, call);
  return reply(response, body, { ...told, kind: 'text', completion: completeTexts(body) }, call);
}

async function answerEmbeddings(
  response: ServerResponse,
  text: string,
  call: Call,
): Promise<Told['trouble']> {
  const body = validateEmbeddings(text);
  const { model, input, dimensions, encoding_format } = body;
  const first = [input].flat()[0];
  const { script, trouble } = toldIn(typeof first === 'string' ? first : '', body, call);
  await begin(response, { script, trouble, signal: call.signal });
  const { data, usage } = demoEmbeddings(input, dimensions);
  const coded =
    encoding_format === 'base64' ? data.map((each) => ({ ...each, embedding: base64(each) })) : data;
  sendJson(response, 200, { object: 'list', data: coded, model, usage });
  return trouble;
}

/** The numbers as 32-bit floats, the lowest byte first, which is how this machine has them too. */
function base64({ embedding }: { readonly embedding: readonly number[] }): string {
  return Buffer.from(Float32Array.from(embedding).buffer).toString('base64');
}

type Told = Pick<DemoReply, 'script' | 'trouble'>;

/** What the text wants of the demo model, in this very call. @throws {DemoDirectiveError} */
function toldIn(text: string, body: { readonly model: string }, { id, calls }: Call): Told {
  calls.describe(id, body.model, text, body);
  const script = readScript(text);
  const times = script.trouble === null ? 0 : calls.timesSeen(text);
  return {
    script,
    trouble: script.trouble !== null && times <= script.trouble.times ? script.trouble : null,
  };
}

async function reply(
  response: ServerResponse,
  { model, stream, stream_options }: Pick<DemoRequest, 'model' | 'stream' | 'stream_options'>,
  told: Told & Pick<DemoReply, 'kind' | 'completion'>,
  { id, signal, tokensPerSecond }: Call,
): Promise<Told['trouble']> {
  await (stream === true && !told.script.json ? replyStreamed : replyWhole)(response, {
    ...{ ...told, id, model, signal },
    created: Math.floor(Date.now() / 1_000),
    tokensPerSecond: told.script.tokensPerSecond ?? rateOf(model as DemoModel, tokensPerSecond),
    includeUsage: stream_options?.include_usage === true,
  });
  return told.trouble;
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
