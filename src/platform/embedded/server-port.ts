import { freeLoopbackPort, isLoopbackPortFree } from './free-loopback-port.js';

const TRIES = 5;

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
      if (attempt === TRIES || (await isLoopbackPortFree(port))) throw error;
      port = null;
    }
  }
}
