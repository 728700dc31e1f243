import { freeLoopbackPort } from '../../src/platform/embedded/loopback-port.js';

/** A port of 127.0.0.1 that nothing listens on at this moment. */
export function freePort(): Promise<number> {
  return freeLoopbackPort();
}
