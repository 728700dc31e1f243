import { EventEmitter } from 'node:events';
import type { ChoiceStrategy } from '../../domain/choice-strategies.policy.js';
import { chooseEndpoint } from './choice/choose-endpoint.policy.js';
import { freePlacesOf } from './choice/eligible.policy.js';
import { type Candidate, type ChoiceState, NOTHING_CHOSEN } from './choice/strategy.policy.js';
import {
  changed,
  type EndpointChange,
  type EndpointSettings,
  type EndpointState,
  hasFreePlace,
  isGone,
  type ModelOffer,
  placeFreed,
  placesOffered,
  placeTaken,
  plainOffer,
  registered,
} from './endpoint.state.js';
import type { ModelEndpoint, NotNowReason } from './model-endpoint.port.js';

/** How a call went, for what is known of its endpoint. */
export type CallSign =
  | { readonly kind: 'answered'; readonly firstTokenMs: number | null; readonly tokens: number | null }
  /** It was taken and failed. */
  | { readonly kind: 'failed'; readonly code: string; readonly stalled: boolean }
  /** It was not taken. */
  | { readonly kind: 'not_now'; readonly reason: NotNowReason; readonly retryAfterMs: number | null }
  /** The request is at fault. */
  | { readonly kind: 'rejected' };

/** What a caller wants of a place beside the model. */
export interface PlaceWish {
  /** Names of endpoints that it must not be at. */
  readonly exclude?: ReadonlySet<string>;
  /** Calls with the same key stay with one endpoint where that is possible. */
  readonly session?: string;
  /** In place of the configured one. */
  readonly strategy?: ChoiceStrategy;
  /** Estimated, of the request and its answer. */
  readonly tokens?: number;
}

/** A place at an endpoint, held until it is released. It stays valid whatever changes about the endpoint. */
export interface EndpointLease {
  readonly kind: 'leased';
  readonly endpoint: ModelEndpoint;
  /** The model that is asked for: the wanted one, or the default where none was. */
  readonly model: string;
  readonly offer: ModelOffer;
  /** Why this endpoint, in words; goes into MessageDispatched. */
  readonly reason: string;
  /** Tells how the call went, once, before `release`. A place that is released without it says nothing. */
  ended(sign: CallSign): void;
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
  endpoint: ModelEndpoint;
  /** Endpoints that it had before, with the calls that still run there. */
  readonly replaced: Map<ModelEndpoint, number>;
  state: EndpointState;
  /** Called when it is gone. */
  readonly onGone: (() => void)[];
}

/** One model at one endpoint. */
interface Deployment {
  readonly entry: Entry;
  readonly offer: ModelOffer;
}

interface Deployments {
  readonly all: readonly Deployment[];
  /** Those that are not drained. */
  readonly active: readonly Deployment[];
  choice: ChoiceState;
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
    /** What is known of an endpoint beyond what it says of itself. */
    settingsOf: (name: string) => Partial<EndpointSettings> | undefined = () => undefined,
  ) {
    const first = endpoints[0]?.models[0];
    if (first === undefined) throw new NoEndpointError();
    this.firstModel = first;
    for (const endpoint of endpoints) this.enter(endpoint, settingsOf(endpoint.name));
    this.regroup();
  }

  /** What a message without a model gets: the first model of the first endpoint. */
  get defaultModel(): string {
    return this.firstModel;
  }

  /** In the order of registration, each model once. */
  models(): ServedModel[] {
    return [...this.deployments].map(([id, { all }]) => ({
      id,
      endpoints: all.map(({ entry }) => entry.state.name),
    }));
  }

  serves(model: string): boolean {
    return this.deployments.has(model);
  }

  /** The deployments of a model, drained ones included. */
  offers(model: string): { endpoint: string; offer: ModelOffer }[] {
    const all = this.deployments.get(model)?.all ?? [];
    return all.map(({ entry, offer }) => ({ endpoint: entry.state.name, offer }));
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

  /** Calls of the model that may begin now. */
  freePlaces(model: string): number {
    const active = this.deployments.get(model)?.active ?? [];
    return freePlacesOf(active.map(({ entry }) => candidateOf(entry.state)));
  }

  /** True when the model is served, and no place is free for it. */
  isBusy(model: string): boolean {
    return this.serves(model) && this.freePlaces(model) === 0;
  }

  /** Models that are busy, and were asked for since they are. */
  get busyModels(): string[] {
    return [...this.inVain];
  }

  /** Takes a place at an endpoint that serves the model (null: the default model). Never waits. */
  acquire(model: string | null, { exclude, strategy, session }: PlaceWish = {}): Acquired {
    const wanted = model ?? this.firstModel;
    const deployments = this.deployments.get(wanted);
    if (deployments === undefined) return UNKNOWN_MODEL;
    const { active, choice: before } = deployments;
    const candidates = active.map(({ entry: { state } }) => candidateOf(state, exclude));
    const by = strategy ?? this.strategy;
    const choice = chooseEndpoint(by, candidates, before, Math.random, session ?? null);
    if (choice === null) {
      if (exclude === undefined) this.inVain.add(wanted);
      return BUSY;
    }
    deployments.choice = choice.state;
    return this.lease(active[choice.index]!, choice.reason);
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

  /**
   * New calls go to this endpoint from now on. Those under way end where they are; then the connections there are closed.
   * @throws {UnknownEndpointError}
   */
  replace(name: string, endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): void {
    const entry = this.known(name);
    const elsewhere = [...entry.replaced.values()].reduce((sum, calls) => sum + calls, 0);
    const before = entry.endpoint;
    entry.endpoint = endpoint;
    entry.replaced.set(before, entry.state.taken - elsewhere);
    this.closeIfUnused(entry, before);
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
    const all = [...this.entries.values()].flatMap(({ endpoint, replaced }) => [
      endpoint,
      ...replaced.keys(),
    ]);
    await Promise.all(all.map((endpoint) => endpoint.close()));
  }

  private enter(endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): Entry {
    const { name, maxConcurrency: places } = endpoint;
    if (this.entries.has(name)) throw new EndpointNameTakenError(name);
    const models = endpoint.models.map(plainOffer);
    const defaults = { models, places, weight: 1, group: 'primary', rpm: null, tpm: null } as const;
    const entry = {
      endpoint,
      replaced: new Map(),
      state: registered(name, { ...defaults, ...settings }),
      onGone: [],
    };
    this.entries.set(name, entry);
    return entry;
  }

  private known(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry === undefined || entry.state.phase === 'removing') throw new UnknownEndpointError(name);
    return entry;
  }

  private closeIfUnused(entry: Entry, replaced: ModelEndpoint): void {
    if (entry.replaced.get(replaced) !== 0) return;
    entry.replaced.delete(replaced);
    // Without calls there is nothing that closing could fail for.
    void replaced.close().catch(() => undefined);
  }

  private apply(name: string, change: EndpointChange): Entry {
    const entry = this.known(name);
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
    const serving = new Map<string, Deployment[]>();
    for (const entry of this.entries.values()) {
      if (entry.state.phase === 'removing') continue;
      for (const [model, offer] of new Map(entry.state.models.map((each) => [each.name, each]))) {
        serving.set(model, [...(serving.get(model) ?? []), { entry, offer }]);
      }
    }
    const before = this.deployments;
    this.deployments = new Map(
      [...serving].map(([model, all]) => {
        const active = all.filter(({ entry }) => entry.state.phase === 'active');
        const turn = before.get(model)?.choice.turn ?? 0;
        return [model, { all, active, choice: { ...NOTHING_CHOSEN, turn } }];
      }),
    );
    // Without any endpoint the last default stays: messages without a model must still be named one.
    this.firstModel = this.deployments.keys().next().value ?? this.firstModel;
    for (const model of this.inVain) if (!this.isBusy(model)) this.inVain.delete(model);
  }

  private lease({ entry, offer }: Deployment, reason: string): EndpointLease {
    let held = true;
    const { endpoint } = entry;
    entry.state = placeTaken(entry.state);
    const release = () => {
      if (!held) return;
      held = false;
      entry.state = placeFreed(entry.state);
      const replaced = entry.replaced.get(endpoint);
      if (replaced !== undefined) {
        entry.replaced.set(endpoint, replaced - 1);
        this.closeIfUnused(entry, endpoint);
      }
      this.afterRelease(entry);
    };
    return { kind: 'leased', endpoint, model: offer.name, offer, reason, ended: () => {}, release };
  }

  private afterRelease(entry: Entry): void {
    this.forgetIfGone(entry);
    if (!hasFreePlace(entry.state)) return;
    for (const { name } of entry.state.models) this.inVain.delete(name);
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

function candidateOf(
  { name, taken, places, weight, group }: EndpointState,
  exclude?: ReadonlySet<string>,
): Candidate {
  const healthy = exclude === undefined || !exclude.has(name);
  return { name, taken, places, weight, group, firstTokenEwmaMs: null, share: 1, healthy };
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
