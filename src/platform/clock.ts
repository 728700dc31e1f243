import { pooledUuidV7 } from './uuid-v7.js';

/** Time, ids and chance, so that everything that decides can be tested with given ones. */
export interface Sources {
  /** Milliseconds since the epoch: for points in time. An operator or NTP may set this clock, forwards and backwards. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that nobody sets, from a beginning of its own: for durations inside of one process. */
  readonly steadyMs: () => number;
  /** A UUIDv7. Those of one millisecond are in no order. */
  readonly newId: () => string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export const SOURCES = Symbol('Sources');

export const systemSources: Sources = {
  nowMs: Date.now,
  steadyMs: () => performance.now(),
  newId: pooledUuidV7(),
  random: Math.random,
};
