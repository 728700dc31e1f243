import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerChunk } from '../../dispatch/answers/answers.port.js';
import type { TerminalEvent } from '../../domain/message/message.events.js';
import { EventStream } from '../http/event-stream.js';
import { AnswerStream, type AnswerStreamOptions } from './answer-stream.js';

const form = { piece: () => {}, complete: () => {}, fail: () => {} };

async function* noPieces(): AsyncIterable<AnswerChunk> {}

/** A stream over a connection of its own, which ends when told to. */
async function streamed(options: Partial<AnswerStreamOptions>) {
  let end: () => void = () => undefined;
  const ended = new Promise<TerminalEvent | null>((resolve) => {
    end = () => resolve(null);
  });
  const serve = async (response: ServerResponse) => {
    const out = new EventStream(response, { 'x-llmq-message-id': 'm1' });
    const stream = new AnswerStream(out, {
      ...{ form, headersAfterMs: 50, heartbeatMs: 50, ...options },
      ...{ news: options.news ?? (async () => 'news'), onBegun: () => {}, onPiecesLost: () => {} },
    });
    await stream.run(noPieces(), ended, new AbortController().signal);
    await sleep(100);
    response.end();
  };
  const server = createServer((_request, response) => void serve(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  ends.push(end);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { response: await fetch(url, { signal: AbortSignal.timeout(20_000) }), end };
}

const servers: Server[] = [];
const ends: (() => void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

describe('a stream without a piece', () => {
  it('sends its headers in time, whatever is known of its message', async () => {
    const { response, end } = await streamed({ news: () => new Promise(() => undefined) });
    expect(response.headers.get('x-llmq-message-id')).toBe('m1');
    end();
    expect(await response.text()).toBe('');
  });

  it('tells the news again and again, and nothing behind its end', async () => {
    let told = 0;
    const news = async () => {
      told += 1;
      return `news ${told}`;
    };
    const { response, end } = await streamed({ news });
    while (told < 3) await sleep(10);
    const untilEnd = told;
    end();
    const text = await response.text();
    expect(text).toMatch(/^: news 1\n\n: news 2\n\n: news 3\n\n/);
    expect(told).toBe(untilEnd);
  });

  it('tells no news that come when it has ended', async () => {
    let tell: (news: string) => void = () => undefined;
    const news = () => new Promise<string>((resolve) => (tell = resolve));
    const { response, end } = await streamed({ news, heartbeatMs: 10_000 });
    end();
    await sleep(20);
    tell('too late');
    expect(await response.text()).toBe('');
  });
});
