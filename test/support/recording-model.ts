import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordedCall {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly answered: boolean;
  /** When its request was read, in milliseconds. */
  readonly atMs: number;
  /** When the caller went away without the answer, in milliseconds; null while it has not. */
  readonly hungUpAtMs: number | null;
}

export interface RecordingModel {
  /** As OpenAI SDKs write it, ending in `/v1`. */
  readonly url: string;
  readonly calls: readonly RecordedCall[];
  close(): Promise<void>;
}

export interface RecordingModelOptions {
  /** What share of the calls is answered with 500, by chance. */
  readonly failing: number;
  readonly takesMs: number | ((question: string) => number);
  readonly answer: (question: string) => string;
  /** Questions that are answered with 400, for good. */
  readonly refuses?: (question: string) => boolean;
}

/** An OpenAI-compatible endpoint that remembers what it was sent. */
export async function startRecordingModel(options: RecordingModelOptions): Promise<RecordingModel> {
  const calls: RecordedCall[] = [];
  const server = createServer((request, response) => void answer(request, response, calls, options));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  calls: RecordedCall[],
  { failing, takesMs, answer, refuses }: RecordingModelOptions,
): Promise<void> {
  // A check of its health.
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ object: 'list', data: [] }));
    return;
  }
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  const { messages, model } = JSON.parse(text) as Pick<RecordedCall, 'messages'> & { model: string };
  const question = messages.at(-1)!.content;
  const refused = refuses?.(question) ?? false;
  const answered = !refused && Math.random() >= failing;
  const call = { messages, answered, atMs: Date.now(), hungUpAtMs: null as number | null };
  calls.push(call);
  response.on('close', () => {
    if (!response.writableEnded) call.hungUpAtMs = Date.now();
  });
  const ms = typeof takesMs === 'number' ? takesMs : takesMs(question);
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  response.setHeader('content-type', 'application/json');
  if (!answered) {
    const error = { message: refused ? 'told to' : 'by chance', type: 'server_error' };
    response.writeHead(refused ? 400 : 500).end(JSON.stringify({ error }));
    return;
  }
  const message = { role: 'assistant', content: answer(question) };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  response.end(
    JSON.stringify({
      ...{ id: 'x', object: 'chat.completion', created: 1, model, usage },
      choices: [{ index: 0, message, finish_reason: 'stop' }],
    }),
  );
}
