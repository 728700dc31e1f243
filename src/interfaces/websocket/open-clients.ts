import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallerProof, type Evidence } from '../../platform/security/caller-proof.js';
import { refused } from '../../submission/refusal.js';
import { admitCaller } from '../caller.guard.js';
import { ENDINGS, type Ending } from './closing.policy.js';
import type { FrameClient } from './frame-client.js';
import { type WatchTimes, watch, wordsOf } from './watch.policy.js';

const WATCH_EVERY_MS = 1_000;
/** The part of the shutdown limit that answers under way may take, as for the streams over HTTP. */
const GRACE_SHARE = 1 / 3;
/** For clients to read why they are closed, and to close. */
const FAREWELL_MS = 1_000;

/**
 * The WebSockets of this process: counted, limited, watched, and told when the service stops.
 *
 * A stop goes in two steps, as that of requests that wait. At first those are closed that have nothing under way; the
 * others as soon as they have nothing, or after the grace. What comes from them meanwhile is refused.
 */
@Injectable()
export class OpenClients
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** How many ended in each way since the start. */
  readonly ended: Record<Ending, number> = Object.fromEntries(ENDINGS.map((why) => [why, 0])) as Record<
    Ending,
    number
  >;
  stopping = false;
  private readonly clients = new Set<FrameClient>();
  private readonly byOwner = new Map<string, number>();
  private admitted = 0;
  private readonly times: WatchTimes;
  private timer: NodeJS.Timeout | undefined;
  private changed: () => void = () => undefined;

  constructor(
    private readonly proof: CallerProof,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'server'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'steadyMs'>,
  ) {
    const limits = config.server.websocket;
    this.times = {
      authenticateWithinMs: limits.authenticate_timeout_ms,
      pingEveryMs: limits.ping_interval_ms,
      slowAfterMs: limits.slow_timeout_ms,
      idleAfterMs: limits.idle_timeout_ms,
    };
  }

  get open(): number {
    return this.clients.size;
  }

  get subscriptions(): number {
    let count = 0;
    for (const client of this.clients) count += client.subscriptions.size;
    return count;
  }

  /**
   * Those whose key is still to come are counted by themselves: whoever has no key takes no place of those who have one.
   *
   * @throws {RefusedError} `too_many_waiting`, `service_stopping`
   */
  refuseOneTooManyWithoutKey(): void {
    this.refuseWhenStopping();
    const most = this.config.server.websocket.max_connections_without_key;
    if (this.clients.size - this.admitted < most) return;
    throw refused(
      'too_many_waiting',
      `${most} WebSockets wait for their key, which is the limit; send the key with the handshake, or try again later.`,
    );
  }

  /** @throws {RefusedError} `too_many_waiting`, `service_stopping` */
  refuseOneTooMany(): void {
    this.refuseWhenStopping();
    const most = this.config.server.websocket.max_connections;
    if (this.admitted < most) return;
    throw refused('too_many_waiting', `${most} WebSockets are open, which is the limit; try again later.`);
  }

  private refuseWhenStopping(): void {
    if (this.stopping) throw refused('service_stopping', 'The service is stopping.');
  }

  /**
   * @param owner the name of an API key
   * @throws {RefusedError} `too_many_of_key`
   */
  refuseOneTooManyOf(owner: string): void {
    const most = this.config.server.websocket.max_connections_per_key;
    if ((this.byOwner.get(owner) ?? 0) < most) return;
    throw refused(
      'too_many_of_key',
      `${most} WebSockets of the API key ${owner} are open, which is the limit; one of them can have many subscriptions.`,
    );
  }

  add(client: FrameClient): void {
    this.clients.add(client);
    client.onQuiet = () => this.closeIfOver(client);
    client.onEnd(() => this.remove(client));
  }

  /** A client whose handshake carried no key, where one is needed, is admitted by its first frame. */
  admitByHandshake(client: FrameClient): void {
    const { headers } = client.handshake;
    if (this.proof.lacksKey(headers)) return;
    try {
      this.admit(client, headers);
    } catch (error) {
      // The key has ended in this moment, or another one has taken the last place: the handshake itself was let in.
      client.close('unauthorized', (error as Error).message);
    }
  }

  /**
   * Makes the client the caller's that its key proves.
   *
   * @throws {RefusedError} what `admitCaller` throws, `too_many_of_key`, `too_many_waiting`
   */
  admit(client: FrameClient, evidence: Evidence): void {
    const { name: owner } = admitCaller(this.proof, {}, evidence, true);
    this.refuseOneTooManyOf(owner);
    this.refuseOneTooMany();
    admitCaller(this.proof, client, evidence, true);
    this.byOwner.set(owner, (this.byOwner.get(owner) ?? 0) + 1);
    this.admitted += 1;
    client.admission = { owner, keyEndsAtMs: this.proof.keyEndsAtMs(evidence) };
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.watchAll(), WATCH_EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    this.stopping = true;
    for (const client of this.clients) this.closeIfOver(client);
  }

  async beforeApplicationShutdown(): Promise<void> {
    const nobodyBusy = () => [...this.clients].every(({ open }) => !open);
    await this.until(nobodyBusy, this.config.server.shutdown_timeout_ms * GRACE_SHARE);
    for (const client of this.clients) client.close('service_stopping');
    await this.until(() => this.clients.size === 0, FAREWELL_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private closeIfOver(client: FrameClient): void {
    if (!this.stopping || !client.quiet) return;
    client.close('service_stopping');
    this.changed();
  }

  private async until(isSo: () => boolean, withinMs: number): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.changed = () => {
        if (!isSo()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private remove(client: FrameClient): void {
    this.clients.delete(client);
    this.ended[client.ending ?? 'client'] += 1;
    const owner = client.admission?.owner;
    if (owner !== undefined) {
      this.admitted -= 1;
      const others = (this.byOwner.get(owner) ?? 1) - 1;
      if (others === 0) this.byOwner.delete(owner);
      else this.byOwner.set(owner, others);
    }
    this.changed();
  }

  private watchAll(): void {
    const now = { steadyMs: this.sources.steadyMs(), epochMs: this.sources.nowMs() };
    for (const client of this.clients) {
      if (!client.open) continue;
      const verdict = watch(client.watched, this.times, now);
      if (verdict === 'ping') client.ping();
      else if (verdict === 'dead') client.terminate('dead');
      else if (verdict === 'no_key' || verdict === 'key_expired')
        client.close('unauthorized', wordsOf(verdict));
      else if (verdict !== 'fine') client.close(verdict);
    }
  }
}
