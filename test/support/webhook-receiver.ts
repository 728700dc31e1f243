import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedWebhook {
  /** With its query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it.
  readonly event: any;
  readonly atMs: number;
}

export interface WebhookReceiver {
  /** Without a slash at its end. */
  readonly url: string;
  readonly received: readonly ReceivedWebhook[];
  /** Those of one message, or to one path. */
  about(messageId: string): ReceivedWebhook[];
  at(path: string): ReceivedWebhook[];
  /** How a path answers from here on; 204 where nothing was said. `tries` counts what came to it before. */
  answer(path: string, how: (response: ServerResponse, tries: number) => void): void;
  close(): Promise<void>;
}

/** A server on loopback that remembers the webhooks that came to it. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const answers = new Map<string, (response: ServerResponse, tries: number) => void>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part;
    const path = request.url ?? '';
    const tries = received.filter((each) => each.path === path).length;
    received.push({ path, headers: plain(request.headers), body, event: JSON.parse(body), atMs: Date.now() });
    const answer = answers.get(path);
    if (answer === undefined) response.writeHead(204).end();
    else answer(response, tries);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    about: (messageId) => received.filter(({ event }) => event.data.id === messageId),
    at: (path) => received.filter((each) => each.path === path),
    answer: (path, how) => void answers.set(path, how),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
