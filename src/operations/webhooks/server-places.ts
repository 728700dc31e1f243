import { LRUCache } from 'lru-cache';

/** Of one server, while it answers well. */
const MOST_AT_ONCE = 8;
/** Of one that has not answered yet. */
const FIRST_AT_ONCE = 2;
/** Of one that fails or is slow: enough to see when it is better. */
const LEAST_AT_ONCE = 1;
/** An answer that takes longer holds a place that others could have. */
const SLOW_MS = 5_000;
const LINES_KNOWN = 10_000;
const SOONEST_MS = 1_000;
const LATEST_MS = 10 * 60_000;
/** Of the newest answer in the mean. */
const NEWEST = 0.2;
const FIRST_GUESS_MS = 500;

/** Those that are under way to a server, or for a tenant, and those that are put off. */
interface Line {
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
 * How many webhooks a process sends to one server at once, and for one tenant. A server that is down or slow has one
 * place, so that it never holds those that others wait for, and a tenant that names many such servers has a part of all
 * places. Who finds none free is told when to come again: each further one later, as if they
 * stood in a line, so that a long line costs each of them one more way through the broker, not one each second.
 */
export class ServerPlaces {
  private readonly servers = new LRUCache<string, Line>({ max: LINES_KNOWN });
  private readonly tenants = new LRUCache<string, Line>({ max: LINES_KNOWN });

  constructor(
    private readonly steadyMs: () => number,
    private readonly mostOfTenant: number,
  ) {}

  /** A place, or in how many milliseconds there is likely to be one. */
  enter(tenantName: string, serverName: string): Place | number {
    const tenant = lineIn(this.tenants, tenantName, this.mostOfTenant);
    const server = lineIn(this.servers, serverName, FIRST_AT_ONCE);
    for (const line of [server, tenant]) if (line.running >= line.limit) return this.turnIn(line);
    for (const line of [server, tenant]) line.running += 1;
    return {
      leave: (wasTaken, durationMs) => {
        server.limit = wasTaken && durationMs < SLOW_MS ? MOST_AT_ONCE : LEAST_AT_ONCE;
        for (const line of [server, tenant]) {
          line.running -= 1;
          line.meanMs += NEWEST * (durationMs - line.meanMs);
        }
      },
    };
  }

  private turnIn(line: Line): number {
    const now = this.steadyMs();
    line.freeAtMs = Math.max(line.freeAtMs, now) + line.meanMs / line.limit;
    return Math.min(Math.max(line.freeAtMs - now, SOONEST_MS), LATEST_MS);
  }
}

function lineIn(lines: LRUCache<string, Line>, name: string, limit: number): Line {
  const known = lines.get(name);
  if (known !== undefined) return known;
  const line = { running: 0, limit, meanMs: FIRST_GUESS_MS, freeAtMs: 0 };
  lines.set(name, line);
  return line;
}
