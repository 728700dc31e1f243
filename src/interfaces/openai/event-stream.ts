import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** A client that reads slower than the answer comes may lag this far behind before the answer waits for it. */
const MAX_LAG_BYTES = 1024 * 1024;

/** Line ends of Unicode that JSON leaves as they are, and at which some readers cut lines. Inside JSON they are in texts only. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * Server-sent events on a response of ours (WHATWG HTML, 9.2). The headers go out with the first thing written, so that
 * until then a failure can still be told by a status.
 */
export class EventStream {
  constructor(
    private readonly response: ServerResponse,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  get begun(): boolean {
    return this.response.headersSent;
  }

  /** JSON has no line breaks of its own, so that one `data` line holds all of it. */
  data(json: object, id?: number): void {
    const text = JSON.stringify(json).replace(LINE_ENDS, escaped);
    this.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${text}\n\n`);
  }

  /** Ignored by clients; keeps proxies from closing a connection on which nothing happens. */
  comment(text: string): void {
    this.write(`: ${text}\n\n`);
  }

  /** Resolves when the client has read enough of what was written for more to be useful, or is gone. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.response.writableLength < MAX_LAG_BYTES || this.response.destroyed) return;
    await once(this.response, 'drain', { signal }).catch(() => undefined);
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
    if (this.response.destroyed || this.response.writableEnded) return;
    if (!this.response.headersSent) {
      this.response.writeHead(200, {
        ...this.headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        // nginx would collect the events into blocks otherwise.
        'x-accel-buffering': 'no',
      });
    }
    this.response.write(text);
  }
}
