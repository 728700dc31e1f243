import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An OpenAI-compatible endpoint that counts its calls. */
export interface MeteredModel {
  /** As OpenAI SDKs write it, ending in `/v1`. */
  readonly url: string;
  /** The questions, as they came. */
  readonly asked: readonly string[];
  /** The models that were asked for, in the same order. */
  readonly models: readonly string[];
  /** Calls under way. */
  readonly running: number;
  /** The most calls at once since the start, or since `resetPeak`. */
  readonly peak: number;
  /** Calls whose caller went away without the answer. */
  readonly cut: number;
  resetPeak(): void;
  /** From now on no call ends, not even one under way, until `release`. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

export async function startMeteredModel(takesMs: number): Promise<MeteredModel> {
  const asked: string[] = [];
  const models: string[] = [];
  let running = 0;
  let peak = 0;
  let cut = 0;
  let held: Promise<void> | null = null;
  let letGo = () => {};
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    // Whether it is well is no call.
    if (request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    running += 1;
    peak = Math.max(peak, running);
    response.on('close', () => {
      running -= 1;
      if (!response.writableFinished) cut += 1;
    });
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    const { messages, model } = JSON.parse(text) as { messages: { content: string }[]; model: string };
    const question = messages.at(-1)!.content;
    asked.push(question);
    models.push(model);
    await new Promise((resolve) => setTimeout(resolve, takesMs));
    while (held !== null) await held;
    const message = { role: 'assistant', content: `re: ${question}` };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: '1', object: 'chat.completion', model, choices }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    models,
    get running() {
      return running;
    },
    get peak() {
      return peak;
    },
    get cut() {
      return cut;
    },
    resetPeak: () => {
      peak = running;
    },
    hold: () => {
      held ??= new Promise((resolve) => {
        letGo = resolve;
      });
    },
    release: () => {
      held = null;
      letGo();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
