import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

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
