import { EventEmitter } from 'node:events';
import { type ChoiceStrategy, chooseEndpoint } from './choice/choose-endpoint.policy.js';
import {
  changed,
  type EndpointChange,
  type EndpointSettings,
  type EndpointState,
  hasFreePlace,
  isGone,
  placeFreed,
  placesOffered,
  placeTaken,
  registered,
} from './endpoint.state.js';
import type { ModelEndpoint } from './model-endpoint.port.js';

/** A place at an endpoint, held until it is released. It stays valid whatever changes about the endpoint. */
export interface EndpointLease {
  readonly kind: 'leased';
  readonly endpoint: ModelEndpoint;
  /** The model to ask for: the wanted one, or the default where none was. */
  readonly model: string;
  /** Why this endpoint, in words; goes into MessageDispatched. */
  readonly reason: string;
  /** Gives the place back; further calls do nothing. */
  release(): void;
}

/**
 * - `busy`: endpoints serve the model, but none of them has a free place. `freed` and `changed` tell when to ask again.
 * - `unknown_model`: no endpoint serves it.
 */
export type Acquired = EndpointLease | { readonly kind: 'busy' } | { readonly kind: 'unknown_model' };

export interface ServedModel {
  readonly id: string;
  /** Names of the endpoints that serve it. */
  readonly endpoints: readonly string[];
}

/** Both are told after the registry has changed, so it makes no difference which listener hears of it first. */
export interface EndpointEvents {
  /** A call has ended, and its place at the endpoint is free. */
  freed: [endpoint: EndpointState];
  /** An endpoint was added, changed, drained, undrained or removed. */
  changed: [endpoint: EndpointState];
}

const BUSY: Acquired = { kind: 'busy' };
const UNKNOWN_MODEL: Acquired = { kind: 'unknown_model' };

/** An endpoint of the registry and where it stands. */
interface Entry {
  readonly endpoint: ModelEndpoint;
  state: EndpointState;
  /** Called when it is gone. */
  readonly onGone: (() => void)[];
}

/** The deployments of one model: this model at each endpoint that serves it. */
interface Deployments {
  readonly all: readonly Entry[];
  /** Those that are not drained. */
  readonly active: readonly Entry[];
  /** For the choice; rises with each. */
  turn: number;
}

interface Waiter {
  readonly model: string | null;
  readonly resolve: (lease: Exclude<Acquired, { kind: 'busy' }>) => void;
}

/**
 * The endpoints of this process, by the models that they serve, with the places taken at each. Endpoints come, change and
 * go while calls run; what becomes of one is `endpoint.state`'s to say.
 *
 * An endpoint's places are counted over all its models, for this process only: `max_concurrency` is each worker's own
 * share of the endpoint. Health and circuit breaking are deliberately absent.
 */
export class EndpointRegistry {
  readonly events = new EventEmitter<EndpointEvents>();
  private readonly entries = new Map<string, Entry>();
  private deployments = new Map<string, Deployments>();
  /** Models that were asked for in vain since a place for them was last freed. */
  private readonly inVain = new Set<string>();
  /** In the order in which they came. */
  private readonly waiters = new Set<Waiter>();
  private firstModel: string;

  /** @throws {NoEndpointError} without any model to serve */
  constructor(
    endpoints: readonly ModelEndpoint[],
    private readonly strategy: ChoiceStrategy = 'least_busy',
  ) {
    const first = endpoints[0]?.models[0];
    if (first === undefined) throw new NoEndpointError();
    this.firstModel = first;
    for (const endpoint of endpoints) this.enter(endpoint);
    this.regroup();
  }

  /** What a message without a model gets: the first model of the first endpoint. */
  get defaultModel(): string {
    return this.firstModel;
  }

  /** In the order of registration, each model once. */
  models(): ServedModel[] {
    return [...this.deployments].map(([id, { all }]) => ({ id, endpoints: all.map((e) => e.state.name) }));
  }

  serves(model: string): boolean {
    return this.deployments.has(model);
  }

  /** In the order of registration; those that are being removed for as long as calls hold a place there. */
  states(): EndpointState[] {
    return [...this.entries.values()].map(({ state }) => state);
  }

  /** Calls at once that all endpoints together take from this process now. */
  get places(): number {
    return this.states().reduce((sum, state) => sum + placesOffered(state), 0);
  }

  /** True when no endpoint has a free place: there is no use in taking a message off its lane. */
  get isFull(): boolean {
    for (const { state } of this.entries.values()) if (hasFreePlace(state)) return false;
    return true;
  }

  /** True when the model is served, and no place is free for it. */
  isBusy(model: string): boolean {
    const deployments = this.deployments.get(model);
    return deployments !== undefined && !deployments.active.some(({ state }) => hasFreePlace(state));
  }

  /** Models that are busy, and were asked for since they are. */
  get busyModels(): string[] {
    return [...this.inVain];
  }

  /** Takes a place at an endpoint that serves the model (null: the default model). Never waits. */
  acquire(model: string | null): Acquired {
    const wanted = model ?? this.firstModel;
    const deployments = this.deployments.get(wanted);
    if (deployments === undefined) return UNKNOWN_MODEL;
    const candidates = deployments.active.map(({ state }) => state);
    const choice = chooseEndpoint(this.strategy, candidates, deployments.turn);
    if (choice === null) {
      this.inVain.add(wanted);
      return BUSY;
    }
    deployments.turn += 1;
    return this.lease(deployments.active[choice.index]!, wanted, choice.reason);
  }

  /**
   * As `acquire`, but waits for a place; who waits here is served before any listener is told of a free one.
   * @throws the signal's reason when it aborts first
   */
  async acquireNext(model: string | null, signal: AbortSignal): Promise<Exclude<Acquired, { kind: 'busy' }>> {
    signal.throwIfAborted();
    const acquired = this.acquire(model);
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

  /**
   * @param settings what the endpoint itself says, unless told otherwise here
   * @throws {EndpointNameTakenError}
   */
  add(endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): void {
    this.afterChange(this.enter(endpoint, settings));
  }

  /** @throws {UnknownEndpointError} */
  change(name: string, settings: Partial<EndpointSettings>): void {
    this.apply(name, { kind: 'settings', settings });
  }

  /** No new calls until `undrain`. @throws {UnknownEndpointError} */
  drain(name: string): void {
    this.apply(name, { kind: 'drain' });
  }

  /** @throws {UnknownEndpointError} */
  undrain(name: string): void {
    this.apply(name, { kind: 'undrain' });
  }

  /**
   * No new calls from now on. Resolves when those under way have ended and its connections are closed; until then its
   * name stays taken.
   * @throws {UnknownEndpointError}
   */
  async remove(name: string): Promise<void> {
    const entry = this.apply(name, { kind: 'remove' });
    await new Promise<void>((resolve) => {
      entry.onGone.push(resolve);
      this.forgetIfGone(entry);
    });
    await entry.endpoint.close();
  }

  /** Closes the endpoints' connections; calls still running fail. */
  async close(): Promise<void> {
    await Promise.all([...this.entries.values()].map(({ endpoint }) => endpoint.close()));
  }

  private enter(endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): Entry {
    const { name, models, maxConcurrency: places } = endpoint;
    if (this.entries.has(name)) throw new EndpointNameTakenError(name);
    const entry = {
      endpoint,
      state: registered(name, { models, places, weight: 1, ...settings }),
      onGone: [],
    };
    this.entries.set(name, entry);
    return entry;
  }

  private apply(name: string, change: EndpointChange): Entry {
    const entry = this.entries.get(name);
    if (entry === undefined || entry.state.phase === 'removing') throw new UnknownEndpointError(name);
    entry.state = changed(entry.state, change);
    this.afterChange(entry);
    return entry;
  }

  private afterChange({ state }: Entry): void {
    this.regroup();
    this.serveWaiters();
    this.events.emit('changed', state);
  }

  /** Changes are few and choices many, so who serves which model is worked out here. */
  private regroup(): void {
    const serving = new Map<string, Entry[]>();
    for (const entry of this.entries.values()) {
      if (entry.state.phase === 'removing') continue;
      for (const model of new Set(entry.state.models)) {
        serving.set(model, [...(serving.get(model) ?? []), entry]);
      }
    }
    const before = this.deployments;
    this.deployments = new Map(
      [...serving].map(([model, all]) => {
        const active = all.filter(({ state }) => state.phase === 'active');
        return [model, { all, active, turn: before.get(model)?.turn ?? 0 }];
      }),
    );
    // Without any endpoint the last default stays: messages without a model must still be named one.
    this.firstModel = this.deployments.keys().next().value ?? this.firstModel;
    for (const model of this.inVain) if (!this.isBusy(model)) this.inVain.delete(model);
  }

  private lease(entry: Entry, model: string, reason: string): EndpointLease {
    let held = true;
    entry.state = placeTaken(entry.state);
    const release = () => {
      if (!held) return;
      held = false;
      entry.state = placeFreed(entry.state);
      this.afterRelease(entry);
    };
    return { kind: 'leased', endpoint: entry.endpoint, model, reason, release };
  }

  private afterRelease(entry: Entry): void {
    this.forgetIfGone(entry);
    if (!hasFreePlace(entry.state)) return;
    for (const model of entry.state.models) this.inVain.delete(model);
    this.serveWaiters();
    if (hasFreePlace(entry.state)) this.events.emit('freed', entry.state);
  }

  private serveWaiters(): void {
    for (const waiter of this.waiters) {
      const acquired = this.acquire(waiter.model);
      if (acquired.kind === 'busy') continue;
      this.waiters.delete(waiter);
      waiter.resolve(acquired);
    }
  }

  private forgetIfGone({ state, onGone }: Entry): void {
    if (!isGone(state)) return;
    this.entries.delete(state.name);
    for (const tell of onGone) tell();
  }
}

/** There is nothing to send messages to. */
export class NoEndpointError extends Error {
  readonly code = 'no_endpoint';
  constructor() {
    super(
      'No model endpoint: `endpoints` is empty and `demo.enabled` is false. Add an endpoint, or enable the demo.',
    );
  }
}

export class EndpointNameTakenError extends Error {
  readonly code = 'endpoint_name_taken';
  constructor(name: string) {
    super(`There is an endpoint ${name} already, or it is still being removed.`);
  }
}

export class UnknownEndpointError extends Error {
  readonly code = 'unknown_endpoint';
  constructor(name: string) {
    super(`There is no endpoint ${name}.`);
  }
}
