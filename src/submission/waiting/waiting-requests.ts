import { type BeforeApplicationShutdown, Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { refused } from '../refusal.js';

/** The part of the shutdown limit that answers under way may take; the rest is for the worker and the connections. */
const GRACE_SHARE = 1 / 3;

/** One request that waits. It must leave soon after its signal aborts. */
export interface Waiting {
  /** Aborts when the client is gone, the service stops, or the wait was ended or left. */
  readonly signal: AbortSignal;
  /** True when the service stops; false when the client went away. */
  readonly stopping: boolean;
  /** Its answer has begun to flow: a stop lets it flow for a while longer. */
  begun(): void;
  /** Gives up waiting. */
  end(): void;
  /** Ends what still listens, and makes room for another. Must be called, whatever happened. */
  leave(): void;
}

/** Tells of a client that closes its connection before it has its answer. */
export interface Connection {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/**
 * The long polls and streams that are open, counted and limited, and told when the service stops.
 *
 * A stop goes in two steps. At first all that only wait are ended: their messages stay in the queue, and whoever asked
 * can ask another process. Answers under way go on while the worker finishes, and are cut after the grace.
 */
@Injectable()
export class WaitingRequests implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly open = new Set<WaitingRequest>();
  private readonly byOwner = new Map<string, number>();
  private stopping = false;
  private emptied: () => void = () => undefined;

  constructor(@Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'server' | 'security'>) {}

  /**
   * @param owner the name of the caller's key
   * @throws {RefusedError} `too_many_waiting`, `too_many_of_key`, `service_stopping`
   */
  enter(connection: Connection, owner: string): Waiting {
    if (this.stopping) throw refused('service_stopping', 'The service is stopping.');
    this.refuseOneTooMany(owner);
    const request = new WaitingRequest(connection, () => this.left(request, owner));
    this.open.add(request);
    this.count(owner, 1);
    return request;
  }

  private refuseOneTooMany(owner: string): void {
    const { max_waiting_requests: most, max_waiting_requests_per_key: mostOfKey } = this.config.server;
    const instead = 'submit by POST /api/v1/messages and ask later, or try again';
    if (this.open.size >= most) {
      const message = `${most} requests are waiting for answers, which is the limit; ${instead}.`;
      throw refused('too_many_waiting', message);
    }
    // Where there are no keys, all callers have one name, and nobody else needs room.
    if (this.config.security.api_keys.length === 0 || (this.byOwner.get(owner) ?? 0) < mostOfKey) return;
    const message = `${mostOfKey} requests of the API key ${owner} are waiting for answers, which is the limit; ${instead}.`;
    throw refused('too_many_of_key', message);
  }

  onModuleDestroy(): void {
    this.stopping = true;
    for (const request of this.open) if (!request.flowing) request.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.emptied = resolve;
    });
    if (this.open.size === 0) return;
    const grace = setTimeout(() => this.cut(), this.config.server.shutdown_timeout_ms * GRACE_SHARE);
    await drained;
    clearTimeout(grace);
  }

  private cut(): void {
    for (const request of this.open) request.stop();
  }

  private left(request: WaitingRequest, owner: string): void {
    if (!this.open.delete(request)) return;
    this.count(owner, -1);
    if (this.open.size === 0) this.emptied();
  }

  private count(owner: string, by: 1 | -1): void {
    const open = (this.byOwner.get(owner) ?? 0) + by;
    if (open === 0) this.byOwner.delete(owner);
    else this.byOwner.set(owner, open);
  }
}

/** One for all: every request ends its wait by it, and a new one would cost a stack trace each. */
const OVER = new DOMException('The wait is over.', 'AbortError');

class WaitingRequest implements Waiting {
  stopping = false;
  flowing = false;
  private readonly controller = new AbortController();
  private readonly clientGone = () => this.end();

  constructor(
    private readonly connection: Connection,
    private readonly onLeave: () => void,
  ) {
    connection.once('close', this.clientGone);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  begun(): void {
    this.flowing = true;
  }

  stop(): void {
    this.stopping = true;
    this.end();
  }

  end(): void {
    this.controller.abort(OVER);
  }

  leave(): void {
    this.end();
    this.connection.off('close', this.clientGone);
    this.onLeave();
  }
}
