import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { DescribedFrames } from './described-frames.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into frames of many shapes.
export type Frame = any;

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface Opening {
  readonly headers?: Record<string, string>;
  readonly protocols?: string[];
  readonly path?: string;
  /** Of a page. */
  readonly origin?: string;
}

const WITHIN_MS = 60_000;

/**
 * A client of the WebSocket interface, by the package `ws`. It keeps what came until a test asks for it, and holds all of
 * it against the service's description of its frames.
 */
export class FrameSocket {
  readonly closed: Promise<Closed>;
  /** All frames so far. */
  readonly frames: Frame[] = [];
  private readonly waiting = new Set<() => void>();
  private isClosed = false;
  private requests = 0;

  private constructor(
    readonly socket: WebSocket,
    private readonly described: DescribedFrames,
  ) {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString());
      described.check('ServerFrame', frame);
      this.frames.push(frame);
      this.wake();
    });
    socket.on('error', () => undefined);
    this.closed = once(socket, 'close').then(([code, reason]) => {
      this.isClosed = true;
      this.wake();
      return { code, reason: String(reason) };
    });
  }

  static async open(baseUrl: string, opening: Opening = {}): Promise<FrameSocket> {
    const described = await DescribedFrames.of(baseUrl);
    const client = new FrameSocket(connect(baseUrl, opening), described);
    await Promise.race([
      once(client.socket, 'open'),
      once(client.socket, 'unexpected-response').then(([, response]) => {
        throw new Error(`The handshake was answered with ${(response as IncomingMessage).statusCode}.`);
      }),
    ]);
    return client;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** Sends a frame with a `request_id` of its own where it has none, and resolves with the answer. */
  async ask(frame: Record<string, unknown>): Promise<Frame> {
    this.requests += 1;
    const sent: Frame = { request_id: `auto-${this.requests}`, ...frame };
    const from = this.frames.length;
    this.send(sent);
    const answer = await this.find(({ request_id }) => request_id === sent.request_id, from);
    if (answer.type !== 'error') this.described.check('ClientFrame', sent);
    return answer;
  }

  /** The first frame that fits, among those that came and those to come. */
  async find(fits: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    const end = Date.now() + WITHIN_MS;
    for (;;) {
      const found = this.frames.slice(from).find(fits);
      if (found !== undefined) return found;
      if (this.isClosed) throw new Error(`The WebSocket closed. It had sent ${this.told()}`);
      if (Date.now() > end) throw new Error(`No such frame came. There were ${this.told()}`);
      await this.next(end - Date.now());
    }
  }

  /** All frames of a subscription, up to the message's end. */
  async untilEnded(subscription: string): Promise<Frame[]> {
    await this.find((frame) => frame.type === 'ended' && frame.subscription === subscription);
    return this.of(subscription);
  }

  of(subscription: string): Frame[] {
    return this.frames.filter((frame) => frame.subscription === subscription && frame.type !== 'subscribed');
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  private told(): string {
    return JSON.stringify(this.frames).slice(0, 2_000);
  }

  private next(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.waiting.add(done);
    });
  }

  private wake(): void {
    for (const done of [...this.waiting]) done();
  }
}

export interface RefusedHandshake {
  readonly status: number;
  readonly type: string | undefined;
  readonly json: Frame;
}

/** The answer in HTTP to a handshake that is not taken. */
export async function refusedHandshake(baseUrl: string, opening: Opening = {}): Promise<RefusedHandshake> {
  const socket = connect(baseUrl, opening);
  socket.on('error', () => undefined);
  const [, response] = (await Promise.race([
    once(socket, 'unexpected-response'),
    once(socket, 'open').then(() => {
      socket.terminate();
      throw new Error('The handshake was taken.');
    }),
  ])) as [unknown, IncomingMessage];
  const body = await text(response);
  const { statusCode = 0, headers } = response;
  return {
    status: statusCode,
    type: headers['content-type'],
    json: body.startsWith('{') ? JSON.parse(body) : body,
  };
}

function connect(
  baseUrl: string,
  { headers = {}, protocols = [], path = '/ws', origin }: Opening,
): WebSocket {
  return new WebSocket(`${baseUrl.replace(/^http/, 'ws')}${path}`, protocols, {
    headers,
    ...(origin === undefined ? {} : { origin }),
  });
}

/** The text of the pieces, as a reader joins them. */
export function joined(frames: readonly Frame[]): string {
  let all = '';
  for (const frame of frames) {
    if (frame.type === 'restart') all = '';
    if (frame.type === 'piece') all += frame.delta.content ?? '';
  }
  return all;
}
