import { hasFreePlace } from '../endpoint.state.js';
import type { Deployment } from './deployment.js';
import type { Acquired, Settled } from './endpoint-lease.js';
import type { EndpointRoster } from './endpoint-roster.js';
import type { RegistryEntry } from './registry-entry.js';
import { observed, type RegistryEvents } from './registry-events.js';

const LONGEST_TIMER_MS = 2_000_000_000;

interface Waiter {
  readonly model: string | null;
  readonly resolve: (settled: Settled) => void;
}

export interface OpeningsOptions {
  readonly roster: EndpointRoster;
  readonly events: RegistryEvents;
  readonly nowMs: () => number;
  /** Whether it is for this process to try what is not known to serve. */
  readonly tries: () => boolean;
  readonly acquire: (model: string | null) => Acquired;
}

/**
 * Who asked in vain, and who is to be told when calls may begin again: by a place that was given back, by a change, or by
 * time alone. For the last there is one timer, which runs only while something is closed.
 */
export class Openings {
  /** Models that were asked for in vain since a place for them was last freed. */
  private readonly inVain = new Set<string>();
  /** In the order in which they came. */
  private readonly waiters = new Set<Waiter>();
  private timer: NodeJS.Timeout | null = null;
  private timerAtMs = Infinity;

  constructor(private readonly registry: OpeningsOptions) {}

  /** Models that are busy, and were asked for since they are. */
  get busyModels(): string[] {
    return [...this.inVain];
  }

  noteBusy(model: string): void {
    this.inVain.add(model);
  }

  /**
   * As the registry's `acquire`, but waits for a place; who waits here is served before any listener is told of a free one.
   * @throws the signal's reason when it aborts first
   */
  async next(model: string | null, signal: AbortSignal): Promise<Settled> {
    signal.throwIfAborted();
    const acquired = this.registry.acquire(model);
    if (acquired.kind !== 'busy') return acquired;
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.waiters.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        model,
        resolve: (lease) => {
          signal.removeEventListener('abort', giveUp);
          resolve(lease);
        },
      };
      this.waiters.add(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** @param isBusy whether no call of the model may begin, though it is served */
  afterChange(isBusy: (model: string) => boolean): void {
    for (const model of this.inVain) if (!isBusy(model)) this.inVain.delete(model);
    this.serveWaiters();
  }

  /** A place there was given back. */
  afterRelease(deployment: Deployment): void {
    const { entry } = deployment;
    const { roster, events } = this.registry;
    roster.forgetIfGone(entry);
    if (!hasFreePlace(entry.state)) return;
    const nowMs = this.registry.nowMs();
    if (this.noteOpen(roster.at(entry), nowMs).size === 0) {
      this.wakeInTime([deployment], nowMs);
      return;
    }
    this.serveWaiters();
    if (hasFreePlace(entry.state)) events.emit('freed', entry.state);
  }

  /** What was closed may be open now, and what is closed opens later. */
  afterTime(deployments: readonly Deployment[], nowMs: number): void {
    const { events } = this.registry;
    for (const deployment of deployments) {
      observed(events, deployment, () => deployment.watch.settle(nowMs));
    }
    const opened = this.noteOpen(deployments, nowMs);
    this.wakeInTime(deployments, nowMs);
    if (opened.size === 0) {
      this.askForWaiters(nowMs);
      return;
    }
    this.serveWaiters();
    for (const { state } of opened) events.emit('freed', state);
  }

  /** A call was asked for that may not begin: by time, or with more of the limits that all share. */
  inNeed(deployments: readonly Deployment[], nowMs: number): void {
    this.wakeInTime(deployments, nowMs);
    for (const { entry, watch } of deployments) {
      const isLacking = entry.limits.room(nowMs) === 0 || entry.limits.part < 1;
      if (isLacking && (watch.serves(nowMs) || this.registry.tries())) entry.limits.noteShort(nowMs);
    }
  }

  wakeInTime(deployments: readonly Deployment[], nowMs: number): void {
    let atMs = Infinity;
    for (const { watch, entry } of deployments) {
      atMs = Math.min(atMs, watch.nextMs(nowMs) ?? Infinity, entry.limits.nextMs(nowMs) ?? Infinity);
    }
    if (atMs >= this.timerAtMs) return;
    this.close();
    this.timerAtMs = atMs;
    this.timer = setTimeout(() => this.wake(), Math.min(LONGEST_TIMER_MS, Math.ceil(atMs - nowMs)));
    this.timer.unref();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private wake(): void {
    this.timer = null;
    this.timerAtMs = Infinity;
    const mayOpen = ({ watch, entry: { state } }: Deployment) =>
      !watch.isCalm || state.rpm !== null || state.tpm !== null;
    this.afterTime(this.registry.roster.everyDeployment().filter(mayOpen), this.registry.nowMs());
  }

  private noteOpen(deployments: readonly Deployment[], nowMs: number): ReadonlySet<RegistryEntry> {
    const opened = new Set<RegistryEntry>();
    for (const deployment of deployments) {
      if (deployment.room(nowMs) === 0) continue;
      this.inVain.delete(deployment.offer.name);
      opened.add(deployment.entry);
    }
    return opened;
  }

  private serveWaiters(): void {
    for (const waiter of this.waiters) {
      const acquired = this.registry.acquire(waiter.model);
      if (acquired.kind === 'busy') continue;
      this.waiters.delete(waiter);
      waiter.resolve(acquired);
    }
  }

  /**
   * Who waits here asked once. Since then it may have become this process's turn to try, or nobody gave what was asked
   * for.
   */
  private askForWaiters(nowMs: number): void {
    const { roster } = this.registry;
    const models = new Set([...this.waiters].map(({ model }) => model ?? roster.defaultModel));
    for (const model of models) this.inNeed(roster.of(model)?.active ?? [], nowMs);
  }
}
