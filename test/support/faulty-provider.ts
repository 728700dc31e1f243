import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What every healthy answer says: 60 words. */
export const WORDS: readonly string[] = Array.from({ length: 60 }, (_, at) => `word${at + 1}`);
export const ANSWER = WORDS.join(' ');

const WORD_EVERY_MS = 5;
const SLOW_FIRST_TOKEN_MS = 20_000;

interface Asked {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
}

export interface ProviderCall {
  readonly model: string;
  readonly question: string;
  /** The text that it was asked to go on behind; null where none was given. */
  readonly prefill: string | null;
  readonly atMs: number;
}

interface Turn {
  readonly asked: Asked;
  readonly response: ServerResponse;
  /** Calls with this model and question, this one included. */
  readonly count: number;
  readonly prefill: string | null;
}

type Behaviour = (turn: Turn) => Promise<void>;

/** How each model of the provider fails, by its name. All others are healthy. */
const FAULTS: Readonly<Record<string, Behaviour>> = {
  'limited-once': first(({ response }) =>
    refuse(response, 429, 'rate_limit_exceeded', { 'retry-after': '2' }),
  ),
  limited: ({ response }) => refuse(response, 429, 'rate_limit_exceeded'),
  'error-once': first(({ response }) => refuse(response, 500, 'server_error')),
  unavailable: ({ response }) => refuse(response, 503, 'overloaded'),
  'reset-once': first(async ({ response }) => void response.destroy()),
  silent: () => new Promise(() => {}),
  slow: async (turn) => {
    await sleep(SLOW_FIRST_TOKEN_MS, undefined, { ref: false });
    await answer(turn);
  },
  cut: (turn) => answer(turn, { words: 40, end: 'cut' }),
  stalls: (turn) => answer(turn, { words: 20, end: 'stall' }),
  malformed: (turn) => answer(turn, { words: 20, end: 'malformed' }),
  /** With an event that is not JSON, and whole without it. */
  odd: (turn) => answer(turn, { oddAt: 20 }),
  'no-done': (turn) => answer(turn, { end: 'no_done' }),
  'too-long': ({ response }) => refuse(response, 400, 'context_length_exceeded'),
  'refused-content': ({ response }) => refuse(response, 400, 'content_policy_violation'),
  /** Refuses to go on behind a text. */
  strict: async (turn) => {
    if (turn.prefill === null) return answer(turn);
    return refuse(turn.response, 400, 'invalid_value', {}, 'The last message must be of the user.');
  },
  /** Goes on behind a text by another one. */
  other: (turn) => answer(turn, { text: WORDS.map((word) => word.toUpperCase()) }),
};

export interface FaultyProvider {
  /** As OpenAI SDKs write it, ending in `/v1`. */
  readonly url: string;
  readonly calls: readonly ProviderCall[];
  callsOf(question: string): ProviderCall[];
  close(): Promise<void>;
}

/** A provider whose models each have a fault of their own; every healthy answer is the same. */
export async function startFaultyProvider(port = 0): Promise<FaultyProvider> {
  const calls: ProviderCall[] = [];
  const server = createServer((request, response) => void handle(request, response, calls));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    callsOf: (question) => calls.filter((call) => call.question === question),
    close: () => closed(server),
  };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function handle(request: IncomingMessage, response: ServerResponse, calls: ProviderCall[]) {
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[]}');
    return;
  }
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  const asked = JSON.parse(text) as Asked;
  const last = asked.messages.at(-1)!;
  const prefill = last.role === 'assistant' ? last.content : null;
  const question = asked.messages.find(({ role }) => role === 'user')!.content;
  calls.push({ model: asked.model, question, prefill, atMs: Date.now() });
  const count = calls.filter((call) => call.model === asked.model && call.question === question).length;
  await (FAULTS[asked.model] ?? answer)({ asked, response, count, prefill });
}

/** The fault on the first call of each question, and then a healthy answer. */
function first(fault: Behaviour): Behaviour {
  return (turn) => (turn.count === 1 ? fault(turn) : answer(turn));
}

async function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
  message = `told to: ${code}`,
): Promise<void> {
  const type = status === 400 ? 'invalid_request_error' : 'server_error';
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message, type, param: null, code } }));
}

interface Manner {
  readonly text?: readonly string[];
  /** Said before the end. */
  readonly words?: number;
  /** A malformed event comes before this word. */
  readonly oddAt?: number;
  readonly end?: 'whole' | 'no_done' | 'cut' | 'stall' | 'malformed';
}

async function answer({ asked, response, prefill }: Turn, manner: Manner = {}): Promise<void> {
  const { text = WORDS, end = 'whole' } = manner;
  const said = prefill === null ? 0 : prefill.split(' ').length;
  const rest = text.slice(said, manner.words ?? text.length);
  const usage = { prompt_tokens: 7, completion_tokens: rest.length, total_tokens: 7 + rest.length };
  const frame = { id: 'x', created: 1, model: asked.model };
  if (asked.stream !== true) {
    response.setHeader('content-type', 'application/json');
    const message = { role: 'assistant', content: rest.join(' ') };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    response.end(JSON.stringify({ ...frame, object: 'chat.completion', choices, usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const event = (choices: unknown[], more: object = {}) =>
    response.write(
      `data: ${JSON.stringify({ ...frame, object: 'chat.completion.chunk', choices, ...more })}\n\n`,
    );
  for (const [at, word] of rest.entries()) {
    const content = said + at === 0 ? word : ` ${word}`;
    if (at === manner.oddAt) response.write('data: {"id":"x","choices":[{"ind\n\n');
    event([
      { index: 0, delta: { ...(at === 0 ? { role: 'assistant' } : {}), content }, finish_reason: null },
    ]);
    await sleep(WORD_EVERY_MS);
  }
  if (end === 'cut') return void response.destroy();
  if (end === 'stall') return;
  if (end === 'malformed') return void response.end('data: {"id":"x","choices":[{"ind\n\n');
  event([{ index: 0, delta: {}, finish_reason: 'stop' }]);
  event([], { usage });
  response.end(end === 'no_done' ? '' : 'data: [DONE]\n\n');
}
