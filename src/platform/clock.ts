import { pooledUuidV7 } from './uuid-v7.js';

/** Time, ids and chance, so that everything that decides can be tested with given ones. */
export interface Sources {
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** A UUIDv7. Those of one millisecond are in no order. */
  readonly newId: () => string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export const SOURCES = Symbol('Sources');

export const systemSources: Sources = { nowMs: Date.now, newId: pooledUuidV7(), random: Math.random };
