import { isLoopbackPortFree } from '../../src/platform/embedded/loopback-port.js';

/**
 * Below the range from which the service takes its own ports, and a part of its own for each process of jest: many tests
 * choose a port long before something listens on it, and no other test may take it meanwhile.
 */
const LOWEST = 10_000;
const COUNT = 10_000;
const PARTS = 20;
const part = (Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % PARTS;
const perPart = COUNT / PARTS;

let next = process.pid % perPart;

/** A port of 127.0.0.1 that nothing listens on at this moment, and that no other test gets soon. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < perPart; tries += 1) {
    next = (next + 1) % perPart;
    const port = LOWEST + part * perPart + next;
    if (await isLoopbackPortFree(port)) return port;
  }
  throw new Error('No port is free.');
}
