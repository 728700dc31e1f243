import { LRUCache } from 'lru-cache';

/** Of one server, while it answers well. */
const MOST_AT_ONCE = 8;
/** Of one that fails or is slow: enough to see when it is better. */
const LEAST_AT_ONCE = 1;
/** An answer that takes longer holds a place that others could have. */
const SLOW_MS = 5_000;
const SERVERS_KNOWN = 10_000;
const SOONEST_MS = 1_000;
const LATEST_MS = 10 * 60_000;
/** Of the newest answer in the mean. */
const NEWEST = 0.2;
const FIRST_GUESS_MS = 500;

interface Server {
  running: number;
  limit: number;
  meanMs: number;
  /** When there is a place for the next one that is put off, in milliseconds of the steady clock. */
  freeAtMs: number;
}

export interface Place {
  readonly leave: (wasTaken: boolean, durationMs: number) => void;
}

/**
 * How many webhooks a process sends to one server at once. A server that is down or slow has one place, so that it never
 * holds those that others wait for. Who finds none free is told when to come again: each further one later, as if they
 * stood in a line, so that a long line costs each of them one more way through the broker, not one each second.
 */
export class ServerPlaces {
  private readonly servers = new LRUCache<string, Server>({ max: SERVERS_KNOWN });

  constructor(private readonly steadyMs: () => number) {}

  /** A place, or in how many milliseconds there is likely to be one. */
  enter(name: string): Place | number {
    const server = this.servers.get(name) ?? this.added(name);
    if (server.running >= server.limit) return this.turnIn(server);
    server.running += 1;
    return {
      leave: (wasTaken, durationMs) => {
        server.running -= 1;
        server.limit = wasTaken && durationMs < SLOW_MS ? MOST_AT_ONCE : LEAST_AT_ONCE;
        server.meanMs += NEWEST * (durationMs - server.meanMs);
      },
    };
  }

  private added(name: string): Server {
    const server = { running: 0, limit: MOST_AT_ONCE, meanMs: FIRST_GUESS_MS, freeAtMs: 0 };
    this.servers.set(name, server);
    return server;
  }

  private turnIn(server: Server): number {
    const now = this.steadyMs();
    server.freeAtMs = Math.max(server.freeAtMs, now) + server.meanMs / server.limit;
    return Math.min(Math.max(server.freeAtMs - now, SOONEST_MS), LATEST_MS);
  }
}
