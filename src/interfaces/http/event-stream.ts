import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { jsonLine } from '../../platform/json/json-line.js';

/** A client that reads slower than the answer comes may lag this far behind before the answer waits for it. */
const MAX_LAG_BYTES = 1024 * 1024;

/**
 * Server-sent events on a response of ours (WHATWG HTML, 9.2). The headers go out with the first thing written, or when
 * they are told to. Until then a failure can still be told by a status.
 */
export class EventStream {
  constructor(
    private readonly response: ServerResponse,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  get begun(): boolean {
    return this.response.headersSent;
  }

  /** Sends the headers now, where they are not out yet. */
  begin(): void {
    if (this.closed || this.begun) return;
    this.writeHead();
    this.response.flushHeaders();
  }

  data(json: object, id?: number): void {
    this.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${jsonLine(json)}\n\n`);
  }

  /** An event with a name, and the id that a client comes back with; null where it keeps the one before. */
  event(name: string, json: object, id: string | null): void {
    this.write(`${id === null ? '' : `id: ${id}\n`}event: ${name}\ndata: ${jsonLine(json)}\n\n`);
  }

  /** After what time a client whose connection ends connects again by itself. */
  retryAfter(ms: number): void {
    this.write(`retry: ${ms}\n\n`);
  }

  /** Ignored by clients; keeps proxies from closing a connection on which nothing happens. */
  comment(text: string): void {
    this.write(`: ${text}\n\n`);
  }

  /**
   * Resolves when the client has read enough of what was written for more to be useful, or is gone.
   *
   * @param withinMs a client that has read nothing of it by then is cut off
   */
  async ready(signal: AbortSignal, withinMs?: number): Promise<void> {
    if (this.response.writableLength < MAX_LAG_BYTES || this.response.destroyed) return;
    const cut = withinMs === undefined ? undefined : setTimeout(() => this.response.destroy(), withinMs);
    await once(this.response, 'drain', { signal }).catch(() => undefined);
    clearTimeout(cut);
  }

  /** Ends with nothing more. */
  end(): void {
    if (!this.closed) this.response.end();
  }

  /** Ends as OpenAI's streams do. */
  done(): void {
    this.write('data: [DONE]\n\n');
    this.response.end();
  }

  /** Ends without `[DONE]`, for an answer that is not whole. */
  fail(json: object): void {
    this.data(json);
    this.response.end();
  }

  private write(text: string): void {
    if (this.closed) return;
    if (!this.begun) this.writeHead();
    this.response.write(text);
  }

  private get closed(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  private writeHead(): void {
    this.response.writeHead(200, {
      ...this.headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // nginx would collect the events into blocks otherwise.
      'x-accel-buffering': 'no',
    });
  }
}

/** What the framework was told to send: a stream writes its headers itself, past it. */
export function headersSoFar(reply: Pick<FastifyReply, 'getHeaders'>): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}
