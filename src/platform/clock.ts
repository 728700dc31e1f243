import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

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

const BYTES_PER_ID = 16;
const IDS_PER_POOL = 512;

/** Asking the system for the random bytes of each id alone costs 5 µs; a message needs six ids. */
function pooledUuidV7(): () => string {
  const pool = new Uint8Array(BYTES_PER_ID * IDS_PER_POOL);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const random = pool.subarray(next, next + BYTES_PER_ID);
    next += BYTES_PER_ID;
    return uuidv7({ random });
  };
}

export const systemSources: Sources = { nowMs: Date.now, newId: pooledUuidV7(), random: Math.random };
