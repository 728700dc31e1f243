import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

const HEADERS = {
  'content-type': 'application/x-ndjson; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect the lines into blocks otherwise.
  'x-accel-buffering': 'no',
};

/** Lines of NDJSON on a response. The headers go out with the first, so that a failure before it is told by a status. */
export class LineStream {
  constructor(private readonly response: ServerResponse) {}

  /** Resolves when the client can take more: whoever waits for it reads no faster than the client does. */
  async write(lines: string, signal: AbortSignal): Promise<void> {
    if (lines === '' || this.response.destroyed) return;
    if (!this.response.headersSent) this.response.writeHead(200, HEADERS);
    if (this.response.write(lines) || this.response.destroyed) return;
    await once(this.response, 'drain', { signal }).catch(() => undefined);
  }

  end(line: string): void {
    if (!this.response.headersSent) this.response.writeHead(200, HEADERS);
    this.response.end(line);
  }
}
