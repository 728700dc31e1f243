import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Each piece is the time at which it was sent, as `t<milliseconds>;`. */
const PIECE = /t(\d+\.\d+);/g;

export interface PacedEndpoint {
  /** As SDKs write it, ending in `/v1`. */
  readonly url: string;
  close(): Promise<void>;
}

/** An endpoint whose streams send so many pieces at so many a second, each of them its own time. */
export async function startPacedEndpoint(pieces: number, perSecond: number): Promise<PacedEndpoint> {
  const server = createServer(async (request, response) => {
    for await (const _ of request) {
      // What is asked makes no difference.
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const startedMs = performance.now() + Math.random() * (1_000 / perSecond);
    for (let at = 0; at < pieces && !response.destroyed; at += 1) {
      await sleep(Math.max(0, startedMs + (at * 1_000) / perSecond - performance.now()));
      send(response, { content: `t${performance.now().toFixed(3)};` }, null);
    }
    send(response, {}, 'stop');
    response.end('data: [DONE]\n\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, delta: object, finish_reason: string | null): void {
  const choices = [{ index: 0, delta, finish_reason }];
  response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', model: 'm', choices })}\n\n`);
}

/** How far behind their sending the pieces of a stream come, in milliseconds; each piece once, though its end repeats it. */
export async function lagsOf(body: AsyncIterable<Uint8Array>): Promise<number[]> {
  const lags: number[] = [];
  const decoder = new TextDecoder();
  let rest = '';
  let newest = 0;
  for await (const bytes of body) {
    const nowMs = performance.now();
    rest += decoder.decode(bytes, { stream: true });
    let end = 0;
    for (const match of rest.matchAll(PIECE)) {
      end = match.index + match[0].length;
      const sentMs = Number(match[1]);
      if (sentMs <= newest) continue;
      newest = sentMs;
      lags.push(nowMs - sentMs);
    }
    // A time may be cut between two reads.
    rest = rest.slice(Math.max(end, rest.length - 32));
  }
  return lags;
}
