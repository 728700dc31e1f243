import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer {
  readonly baseUrl: string;
  /** The paths, or as a proxy the whole addresses, that were asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** What a path gives: bytes, a status, or no answer at all; `cut`: a promise of more than comes. */
export type Served = Uint8Array | string | number | 'hang' | { readonly cut: string };

/** An HTTP server on a free loopback port; a path that is not among `files` gives 404. */
export async function serveFiles(files: Readonly<Record<string, Served>>): Promise<FileServer> {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    asked.push(path);
    answer(response, files[path] ?? files[new URL(path, 'http://host').pathname] ?? 404);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, served: Served): void {
  if (served === 'hang') return;
  if (typeof served === 'number') {
    response.writeHead(served).end();
  } else if (typeof served === 'object' && 'cut' in served) {
    response.writeHead(200, { 'content-length': served.cut.length + 1_000 }).write(served.cut);
  } else {
    response.end(served);
  }
}
