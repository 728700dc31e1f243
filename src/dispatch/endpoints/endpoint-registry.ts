import { EventEmitter } from 'node:events';
import type { ChoiceStrategy } from '../../domain/choice-strategies.policy.js';
import { chooseEndpoint } from './choice/choose-endpoint.policy.js';
import { freePlacesOf } from './choice/eligible.policy.js';
import { type LeftOut, leftOut } from './choice/left-out.policy.js';
import {
  type EndpointChange,
  type EndpointSettings,
  type EndpointState,
  type ModelOffer,
  placesOffered,
} from './endpoint.state.js';
import { DeploymentWatch } from './health/deployment-watch.js';
import { EndpointWatches } from './health/endpoint-watches.js';
import type { CheckResult } from './health/health.state.js';
import type { EndpointLimits } from './limits/endpoint-limits.js';
import type { ModelEndpoint } from './model-endpoint.port.js';
import type { Deployment } from './registry/deployment.js';
import type { Acquired, Asked, PlaceWish, Settled } from './registry/endpoint-lease.js';
import { type Deployments, EndpointRoster } from './registry/endpoint-roster.js';
import { Leases } from './registry/leases.js';
import { Openings } from './registry/openings.js';
import type { RegistryEntry } from './registry/registry-entry.js';
import type { EndpointEvents } from './registry/registry-events.js';

export interface ServedModel {
  readonly id: string;
  /** Names of the endpoints that serve it. */
  readonly endpoints: readonly string[];
}

export interface RegistryOptions {
  /** Milliseconds on a clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Find out an endpoint's limits with few calls at first, rather than by a crowd that is refused. */
  readonly careful?: boolean;
}

const BUSY: Acquired = { kind: 'busy' };
const UNKNOWN_MODEL: Acquired = { kind: 'unknown_model' };

/**
 * The endpoints of this process, by the models that they serve, with the places taken at each. Endpoints come, change and
 * go while calls run; what becomes of one is `endpoint.state`'s to say.
 *
 * What keeps a call from a deployment beside places is its `DeploymentWatch`'s to say: health, cool-down, pace. What is
 * known of these is at `watches`.
 */
export class EndpointRegistry {
  readonly events = new EventEmitter<EndpointEvents>();
  readonly watches: EndpointWatches;
  private readonly roster: EndpointRoster;
  private readonly openings: Openings;
  private readonly leases: Leases;
  private readonly nowMs: () => number;
  private readonly random: () => number;
  private tries: () => boolean = () => true;

  /** @throws {NoEndpointError} without any model to serve */
  constructor(
    endpoints: readonly ModelEndpoint[],
    private readonly strategy: ChoiceStrategy = 'least_busy',
    /** What is known of an endpoint beyond what it says of itself. */
    settingsOf: (name: string) => Partial<EndpointSettings> | undefined = () => undefined,
    { nowMs = () => performance.now(), random = Math.random, careful = false }: RegistryOptions = {},
  ) {
    this.nowMs = nowMs;
    this.random = random;
    const { events } = this;
    const tries = () => this.tries();
    const makeWatch = () => new DeploymentWatch(random, careful);
    const roster = new EndpointRoster(endpoints, settingsOf, { makeWatch, tries });
    const acquire = (model: string | null) => this.acquire(model);
    this.roster = roster;
    this.openings = new Openings({ roster, events, nowMs, tries, acquire });
    this.watches = new EndpointWatches(roster, this.openings, events, nowMs);
    this.leases = new Leases(this.openings, this.watches, events, nowMs);
  }

  /** What a message without a model gets: the first model of the first endpoint. */
  get defaultModel(): string {
    return this.roster.defaultModel;
  }

  /** In the order of registration, each model once. */
  models(): ServedModel[] {
    return [...this.roster.models()].map(([id, { all }]) => ({
      id,
      endpoints: all.map(({ name }) => name.endpoint),
    }));
  }

  serves(model: string): boolean {
    return this.roster.of(model) !== undefined;
  }

  /** The deployments of a model, drained ones included. */
  offers(model: string): { endpoint: string; offer: ModelOffer }[] {
    const all = this.roster.of(model)?.all ?? [];
    return all.map(({ name, offer }) => ({ endpoint: name.endpoint, offer }));
  }

  /** In the order of registration; those that are being removed for as long as calls hold a place there. */
  states(): EndpointState[] {
    return [...this.roster.all()].map(({ state }) => state);
  }

  /** Calls at once that all endpoints together take from this process now. */
  get places(): number {
    return this.states().reduce((sum, state) => sum + placesOffered(state), 0);
  }

  /** True when no call of any model may begin: there is no use in taking a message off its lane. */
  get isFull(): boolean {
    const nowMs = this.nowMs();
    for (const [, { active }] of this.roster.models()) {
      for (const deployment of active) if (deployment.room(nowMs) > 0) return false;
    }
    return true;
  }

  /** Calls of the model that may begin now. */
  freePlaces(model: string): number {
    const nowMs = this.nowMs();
    const active = this.roster.of(model)?.active ?? [];
    const free = freeNow(active, nowMs);
    if (free === 0) this.openings.inNeed(active, nowMs);
    return free;
  }

  /** True when the model is served, and no place is free for it. */
  isBusy(model: string): boolean {
    const deployments = this.roster.of(model);
    return deployments !== undefined && freeNow(deployments.active, this.nowMs()) === 0;
  }

  /**
   * True when the model is served, and none of its deployments takes calls now: not for want of a free place.
   *
   * @param asked the deployments that may be asked for this; all, when absent
   */
  isDown(model: string, asked?: Asked): boolean {
    const nowMs = this.nowMs();
    const deployments = this.roster.of(model);
    if (deployments === undefined) return false;
    const left = leftOutAt(deployments, asked);
    return deployments.active.every(
      ({ watch, name }) => left?.endpoints.has(name.endpoint) || !watch.serves(nowMs),
    );
  }

  /** Which of the model's endpoints have words for what is asked; of a model that nobody serves, `all`. */
  wordsFor(model: string, asked: Asked): 'all' | 'some' | 'none' {
    const all = this.roster.of(model)?.all ?? [];
    const speaking = all.filter((deployment) => deployment.lacks(asked).length === 0).length;
    if (speaking === all.length) return 'all';
    return speaking === 0 ? 'none' : 'some';
  }

  /** Models that are busy, and were asked for since they are. */
  get busyModels(): string[] {
    return this.openings.busyModels;
  }

  /** Takes a place at an endpoint that serves the model (null: the default model). Never waits. */
  acquire(model: string | null, wish: PlaceWish = {}): Acquired {
    const { strategy, session, tokens = null, asked } = wish;
    const wanted = model ?? this.defaultModel;
    const deployments = this.roster.of(wanted);
    if (deployments === undefined) return UNKNOWN_MODEL;
    const nowMs = this.nowMs();
    const { active, choice: before } = deployments;
    const left = leftOutAt(deployments, asked);
    const exclude = left === null ? wish.exclude : new Set([...left.endpoints, ...(wish.exclude ?? [])]);
    const why = (reason: string) => (left === null ? reason : `${reason}; ${left.reason}`);
    const tried = active.find((each) => each.isToTry(nowMs) && !exclude?.has(each.name.endpoint));
    if (tried !== undefined)
      return this.leases.take(tried, why('it is tried whether it serves again'), nowMs, tokens);
    const candidates = active.map((deployment) => deployment.candidate(nowMs, { exclude, tokens }));
    const by = strategy ?? this.strategy;
    const choice = chooseEndpoint(by, candidates, before, this.random, session ?? null);
    if (choice === null) {
      if (exclude === undefined) this.openings.noteBusy(wanted);
      const fit = left === null ? active : active.filter(({ name }) => !left.endpoints.has(name.endpoint));
      this.openings.inNeed(fit, nowMs);
      return BUSY;
    }
    deployments.choice = choice.state;
    return this.leases.take(active[choice.index]!, why(choice.reason), nowMs, tokens);
  }

  /**
   * As `acquire`, but waits for a place; who waits here is served before any listener is told of a free one.
   * @throws the signal's reason when it aborts first
   */
  acquireNext(model: string | null, signal: AbortSignal): Promise<Settled> {
    return this.openings.next(model, signal);
  }

  /**
   * @param settings what the endpoint itself says, unless told otherwise here
   * @throws {EndpointNameTakenError}
   */
  add(endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): void {
    this.afterChange(this.roster.add(endpoint, settings));
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
    this.afterChange(this.roster.replace(name, endpoint, settings));
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
      entry.onGone(resolve);
      this.roster.forgetIfGone(entry);
    });
    await entry.endpoint.close();
  }

  /** Closes the endpoints' connections; calls still running fail. */
  async close(): Promise<void> {
    this.openings.close();
    await Promise.all([...this.roster.all()].map((entry) => entry.close()));
  }

  /** Whether it is for this process to try what is not known to serve. */
  triesAreOf(tries: () => boolean): void {
    this.tries = tries;
  }

  /** Asks the endpoint's server; who can't be asked is unknown. */
  async check(endpoint: string, signal: AbortSignal): Promise<CheckResult> {
    return (await this.roster.find(endpoint)?.endpoint.check?.(signal)) ?? 'unknown';
  }

  /** What this process may use of each endpoint, by name. */
  limits(): ReadonlyMap<string, EndpointLimits> {
    return new Map([...this.roster.all()].map(({ state, limits }) => [state.name, limits]));
  }

  /** By endpoint whose minute is limited, what calls from here hold of it. */
  minuteUse(): Record<string, { readonly rpm: number[]; readonly tpm: number[] }> {
    const nowMs = this.nowMs();
    return Object.fromEntries(
      [...this.roster.all()].flatMap(({ state, limits }) => {
        const use = limits.minuteUse(nowMs);
        return use === null ? [] : [[state.name, { rpm: [...use.rpm], tpm: [...use.tpm] }]];
      }),
    );
  }

  /** Shares have changed. */
  apportioned(endpoint: string): void {
    const entry = this.roster.find(endpoint);
    if (entry !== undefined) this.openings.afterTime(this.roster.at(entry), this.nowMs());
  }

  private apply(name: string, change: EndpointChange): RegistryEntry {
    const entry = this.roster.change(name, change);
    this.afterChange(entry);
    return entry;
  }

  private afterChange({ state }: RegistryEntry): void {
    this.openings.afterChange((model) => this.isBusy(model));
    this.events.emit('changed', state);
  }
}

function leftOutAt({ all, differ }: Deployments, asked: Asked | undefined): LeftOut | null {
  if (!differ || asked === undefined) return null;
  return leftOut(
    all.map((deployment) => ({ endpoint: deployment.name.endpoint, lacks: deployment.lacks(asked) })),
  );
}

function freeNow(active: readonly Deployment[], nowMs: number): number {
  // Asked many times for each message, and mostly nothing is to be weighed.
  if (active.every(({ watch, entry }) => watch.isCalm && entry.state.group === 'primary')) {
    let free = 0;
    for (const deployment of active) free += Math.max(0, deployment.room(nowMs));
    return free;
  }
  let tries = 0;
  for (const deployment of active) if (deployment.isToTry(nowMs)) tries += 1;
  return tries + freePlacesOf(active.map((deployment) => deployment.candidate(nowMs)));
}
