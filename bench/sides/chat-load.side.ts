import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatLoad, ChatLoadResult } from '../chat/chat-load.js';
import { sharedClockMs } from '../chat/clock.js';
import { HttpBodies } from '../chat/http-bodies.js';
import { closedLoop, median, percentile } from '../closed-loop.js';

/**
 * Sends chat completions, or requests for responses, over plain sockets: with an HTTP client of its own weight, the generator and not the service
 * would be what is measured. Argument: a ChatLoad as JSON. Prints a ChatLoadResult as JSON.
 */
const load = JSON.parse(process.argv[2]!) as ChatLoad;
const asksResponses = load.api === 'responses';
const url = new URL(`${load.baseUrl}/${asksResponses ? 'responses' : 'chat/completions'}`);
const END = asksResponses ? 'event: response.completed' : '[DONE]';
/** Behind it a stream of responses tells the pieces again, all at once. */
const SAID = 'event: response.output_text.done';
const PROMPT = 'What is a queue and why? '.repeat(20);
const request = requestText();
const totals: number[] = [];
const firsts: number[] = [];
const lags: number[] = [];

function requestText(): string {
  const body = JSON.stringify({
    model: `pieces-${load.pieces}`,
    stream: load.streamed,
    ...(asksResponses ? { input: PROMPT } : { messages: [{ role: 'user', content: PROMPT }] }),
  });
  const headers = Object.entries({
    host: url.host,
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...load.headers,
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `POST ${url.pathname} HTTP/1.1\r\n${lines}\r\n${body}`;
}

/** One connection that asks for one answer at a time. */
class Client {
  private readonly socket: Socket;
  private startedMs = 0;
  private body = '';
  private pieces = 0;
  private isSaid = false;
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor() {
    this.socket = connect(Number(url.port), url.hostname).setNoDelay(true).setEncoding('latin1');
    const response = new HttpBodies(
      (part) => this.take(part),
      (head) => this.end(head),
    );
    this.socket.on('data', (text: unknown) => response.take(text as string));
    const broken = (error: Error) => this.settle?.reject(error);
    this.socket.on('error', broken);
    this.socket.on('close', () => broken(new Error('The connection was closed before the answer ended.')));
  }

  ask(): Promise<void> {
    this.body = '';
    this.pieces = 0;
    this.isSaid = false;
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.startedMs = performance.now();
      this.socket.write(request);
    });
  }

  close(): void {
    this.settle = null;
    this.socket.destroy();
  }

  private take(part: string): void {
    this.body += part;
    if (!load.streamed || this.isSaid) return;
    const now = sharedClockMs();
    const [saying, told] = part.split(SAID, 2);
    this.isSaid = told !== undefined;
    for (const [, at] of saying!.matchAll(/piece \d+ at ([\d.]+) /g)) {
      if (this.pieces === 0) firsts.push(performance.now() - this.startedMs);
      this.pieces += 1;
      lags.push(now - Number(at));
    }
  }

  private end(head: string): void {
    totals.push(performance.now() - this.startedMs);
    const whole = load.streamed
      ? this.pieces === load.pieces && this.body.includes(END)
      : this.body.includes(`piece ${load.pieces - 1} at `);
    if (head.startsWith('http/1.1 200') && whole) this.settle?.resolve();
    else this.settle?.reject(new Error(`Not a whole answer: ${head}\n\n${this.body.slice(0, 500)}`));
  }
}

const clients = Array.from({ length: load.atOnce }, () => new Client());
const free = [...clients];
const { perSecond } = await closedLoop(load.requests, load.atOnce, async () => {
  const client = free.pop()!;
  await client.ask();
  if (load.restMs > 0) await sleep(load.restMs);
  free.push(client);
});
for (const client of clients) client.close();
const result: ChatLoadResult = {
  perSecond,
  totalMs: median(totals),
  firstPieceMs: load.streamed ? median(firsts) : null,
  firstPieceP99Ms: load.streamed ? percentile(firsts, 0.99) : null,
  pieceLagMs: load.streamed ? median(lags) : null,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
