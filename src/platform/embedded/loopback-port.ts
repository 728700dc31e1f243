import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const START_TRIES = 5;

/**
 * Below the ranges from which Linux (32768 and up), macOS and Windows (49152 and up) take the ports of outgoing
 * connections. A server's port must stay free while the server is down for a moment: from those ranges any outgoing
 * connection could take it, even the client's own attempt to reconnect, which TCP then connects to itself.
 */
const LOWEST = 20_000;
const HIGHEST = 32_767;

/** True when nothing listens on the port of 127.0.0.1 and we may. */
export function isLoopbackPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port that is free at this moment. Nothing holds it: whoever binds it must be ready to find it taken. */
export async function freeLoopbackPort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await isLoopbackPortFree(port)) return port;
  }
  throw new Error(`No free port from ${LOWEST} to ${HIGHEST} on 127.0.0.1.`);
}

/**
 * Starts a server on the wanted port where it is free, else on another one. Between our look at a port and the server's
 * bind somebody else may take it; then the next one is tried. A fixed port is the only one that will do.
 *
 * @param start starts the server; its failure counts as the port's when the port turns out to be taken
 */
export async function startOnFreePort<T>(
  ports: { readonly fixed: number | null; readonly last: number | null },
  start: (port: number) => Promise<T>,
): Promise<T> {
  if (ports.fixed !== null) return start(ports.fixed);
  let port = ports.last !== null && (await isLoopbackPortFree(ports.last)) ? ports.last : null;
  for (let attempt = 1; ; attempt++) {
    port ??= await freeLoopbackPort();
    try {
      return await start(port);
    } catch (error) {
      if (attempt === START_TRIES || (await isLoopbackPortFree(port))) throw error;
      port = null;
    }
  }
}
