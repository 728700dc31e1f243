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
import type { CallSign } from './health/call-sign.state.js';
import { DeploymentWatch, type Part } from './health/deployment-watch.js';
import type { Doubt } from './health/doubt.policy.js';
import { peakAt } from './health/first-token.policy.js';
import type { CheckResult, HealthState } from './health/health.state.js';
import { EndpointLimits } from './limits/endpoint-limits.js';
import type { ModelCall, ModelEndpoint } from './model-endpoint.port.js';

export type { CallSign } from './health/call-sign.state.js';

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
  /** A deployment's health is another one now. */
  health: [change: HealthChange];
  /** A call from this process told something that the others should know at once. */
  sign: [told: SignTold];
  /** A place was taken for a call from this process. */
  began: [call: DeploymentName];
  /** The place was given back; `sign` is null where nobody told how the call went. */
  ended: [call: DeploymentName & { readonly sign: CallSign | null; readonly tookMs: number }];
}

export interface DeploymentName {
  readonly endpoint: string;
  readonly model: string;
}

export interface HealthChange {
  readonly endpoint: string;
  readonly model: string;
  readonly from: HealthState;
  readonly to: HealthState;
  readonly reason: string;
}

/** A sign of a call, for the other processes. */
export interface SignTold {
  readonly endpoint: string;
  readonly model: string;
  readonly sign: CallSign;
  /** How long ago the call began, in milliseconds. */
  readonly ageMs: number;
}

export interface DoubtAt {
  readonly endpoint: string;
  readonly model: string;
  readonly doubt: Doubt;
}

/** How a deployment stands, for people and metrics. */
export interface DeploymentStatus {
  readonly endpoint: string;
  readonly model: string;
  readonly state: HealthState | 'draining';
  readonly reason: string;
  /** In milliseconds; 0 where it is not cooling down. */
  readonly coolsForMs: number;
  /** Calls per second that it is known to take; null for no limit. */
  readonly perSecond: number | null;
  /** The part of its usual calls that it gets, 0 to 1. */
  readonly share: number;
  /** Peak-EWMA of the time to the first piece; null where none was measured. */
  readonly firstTokenMs: number | null;
}

export interface RegistryOptions {
  /** Milliseconds on a clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Find out an endpoint's limits with few calls at first, rather than by a crowd that is refused. */
  readonly careful?: boolean;
}

/** Told with the first piece: it serves. What becomes of the answer is told, and counted, at its end. */
const SERVES: CallSign = { kind: 'rejected' };
const OF_THE_CONNECTION: ReadonlySet<string> = new Set(['endpoint_unreachable', 'connect_timeout']);
const LONGEST_TIMER_MS = 2_000_000_000;
const BUSY: Acquired = { kind: 'busy' };
const UNKNOWN_MODEL: Acquired = { kind: 'unknown_model' };

/** An endpoint of the registry and where it stands. */
interface Entry {
  endpoint: ModelEndpoint;
  /** Endpoints that it had before, with the calls that still run there. */
  readonly replaced: Map<ModelEndpoint, number>;
  state: EndpointState;
  /** By model; kept for as long as the endpoint is there. */
  readonly watches: Map<string, DeploymentWatch>;
  readonly limits: EndpointLimits;
  /** Of the models that it serves now. */
  deployments: readonly Deployment[];
  /** Called when it is gone. */
  readonly onGone: (() => void)[];
}

/** One model at one endpoint. */
interface Deployment {
  readonly entry: Entry;
  readonly offer: ModelOffer;
  readonly watch: DeploymentWatch;
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
 * What keeps a call from a deployment beside places is its `DeploymentWatch`'s to say: health, cool-down, pace. Whatever
 * opens by time alone is told as `freed` by one timer, which runs only while something is closed.
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
  private readonly nowMs: () => number;
  private readonly random: () => number;
  private readonly careful: boolean;
  private timer: NodeJS.Timeout | null = null;
  private timerAtMs = Infinity;
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
    this.careful = careful;
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

  /** True when no call of any model may begin: there is no use in taking a message off its lane. */
  get isFull(): boolean {
    const nowMs = this.nowMs();
    for (const { active } of this.deployments.values()) {
      for (const deployment of active) if (this.roomAt(deployment, nowMs) > 0) return false;
    }
    return true;
  }

  /** Calls of the model that may begin now. */
  freePlaces(model: string): number {
    const nowMs = this.nowMs();
    const active = this.deployments.get(model)?.active ?? [];
    const free = this.freeNow(active, nowMs);
    if (free === 0) this.inNeed(active, nowMs);
    return free;
  }

  private freeNow(active: readonly Deployment[], nowMs: number): number {
    // Asked many times for each message, and mostly nothing is to be weighed.
    if (active.every(({ watch, entry }) => watch.isCalm && entry.state.group === 'primary')) {
      let free = 0;
      for (const deployment of active) free += Math.max(0, this.roomAt(deployment, nowMs));
      return free;
    }
    let tries = 0;
    for (const deployment of active) if (this.isToTry(deployment, nowMs)) tries += 1;
    return tries + freePlacesOf(active.map((deployment) => this.candidateOf(deployment, nowMs)));
  }

  /** True when the model is served, and no place is free for it. */
  isBusy(model: string): boolean {
    const deployments = this.deployments.get(model);
    return deployments !== undefined && this.freeNow(deployments.active, this.nowMs()) === 0;
  }

  /** True when the model is served, and none of its deployments takes calls now: not for want of a free place. */
  isDown(model: string): boolean {
    const nowMs = this.nowMs();
    return this.deployments.get(model)?.active.every(({ watch }) => !watch.serves(nowMs)) ?? false;
  }

  /** Models that are busy, and were asked for since they are. */
  get busyModels(): string[] {
    return [...this.inVain];
  }

  /** Takes a place at an endpoint that serves the model (null: the default model). Never waits. */
  acquire(model: string | null, { exclude, strategy, session, tokens }: PlaceWish = {}): Acquired {
    const wanted = model ?? this.firstModel;
    const deployments = this.deployments.get(wanted);
    if (deployments === undefined) return UNKNOWN_MODEL;
    const nowMs = this.nowMs();
    const { active, choice: before } = deployments;
    const tried = active.find((each) => this.isToTry(each, nowMs) && !exclude?.has(each.entry.state.name));
    if (tried !== undefined) return this.lease(tried, 'it is tried whether it serves again', nowMs, tokens);
    const candidates = active.map((deployment) => this.candidateOf(deployment, nowMs, { exclude, tokens }));
    const by = strategy ?? this.strategy;
    const choice = chooseEndpoint(by, candidates, before, this.random, session ?? null);
    if (choice === null) {
      if (exclude === undefined) this.inVain.add(wanted);
      this.inNeed(active, nowMs);
      return BUSY;
    }
    deployments.choice = choice.state;
    return this.lease(active[choice.index]!, choice.reason, nowMs, tokens);
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
    // What was seen of the address before says nothing of this one.
    entry.watches.clear();
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
    if (this.timer !== null) clearTimeout(this.timer);
    const all = [...this.entries.values()].flatMap(({ endpoint, replaced }) => [
      endpoint,
      ...replaced.keys(),
    ]);
    await Promise.all(all.map((endpoint) => endpoint.close()));
  }

  /**
   * How long a deployment still takes no call, and how long ago the last one began that it answered; for one that is gone,
   * not at all and never.
   */
  opening(endpoint: string, model: string): { readonly closedForMs: number; readonly servedAgoMs: number } {
    const watch = this.watchAt(endpoint, model);
    if (watch === undefined) return { closedForMs: 0, servedAgoMs: Infinity };
    const nowMs = this.nowMs();
    return { closedForMs: watch.closedForMs(nowMs), servedAgoMs: nowMs - watch.servedMs };
  }

  /** How each deployment stands. */
  statuses(): DeploymentStatus[] {
    const nowMs = this.nowMs();
    return this.eachDeployment().map(({ entry: { state }, offer, watch }) => ({
      endpoint: state.name,
      model: offer.name,
      state: state.phase === 'active' ? watch.health.state : 'draining',
      reason: watch.health.reason,
      coolsForMs: Math.max(0, (watch.coolDown?.untilMs ?? 0) - nowMs),
      perSecond: watch.rateNow(nowMs),
      share: watch.shareNow(nowMs),
      firstTokenMs: peakAt(watch.health.firstToken, nowMs),
    }));
  }

  /** Signs of another process's calls. Those of endpoints and models that are not known here are passed over. */
  hear({ endpoint, model, sign, ageMs }: SignTold): void {
    const entry = this.entries.get(endpoint);
    if (entry !== undefined) this.fold(entry, model, sign, this.nowMs() - ageMs);
  }

  /** Calls of another process that went well. */
  hearWell(endpoint: string, model: string, calls: number, firstTokenMs: number | null): void {
    this.watchAt(endpoint, model)?.hearWell(calls, firstTokenMs, this.nowMs());
  }

  /** Calls from here that went well and that the others were not told of yet, by endpoint and model. */
  takeUnsaid(): [endpoint: string, model: string, calls: number, firstTokenMs: number | null][] {
    return this.eachDeployment().flatMap(({ entry, offer, watch }) => {
      const { calls, firstTokenMs } = watch.takeUnsaid();
      return calls === 0 ? [] : [[entry.state.name, offer.name, calls, firstTokenMs]];
    });
  }

  /** All that is not simply well. */
  doubts(): DoubtAt[] {
    const doubtful = this.eachDeployment().filter(({ watch }) => watch.isInDoubt);
    return doubtful.map(({ entry, offer, watch }) => ({
      ...{ endpoint: entry.state.name, model: offer.name, doubt: watch.doubt },
    }));
  }

  /** What the process that leads knows of all that is not simply well. */
  adopt(doubts: readonly DoubtAt[]): void {
    const nowMs = this.nowMs();
    const told = new Map(doubts.map((each) => [keyOf(each.endpoint, each.model), each.doubt]));
    const about = this.eachDeployment().filter(
      ({ entry, offer, watch }) => watch.isInDoubt || told.has(keyOf(entry.state.name, offer.name)),
    );
    for (const deployment of about) {
      const { entry, offer, watch } = deployment;
      const doubt = told.get(keyOf(entry.state.name, offer.name)) ?? null;
      this.observed(deployment, () => watch.adopt(doubt, nowMs));
    }
    this.afterTime(about, nowMs);
  }

  /** Whether it is for this process to try what is not known to serve. */
  triesAreOf(tries: () => boolean): void {
    this.tries = tries;
  }

  /** A try of anything has been due for so long, and nobody made it. */
  hasDueTry(forMs: number): boolean {
    const nowMs = this.nowMs();
    return this.eachDeployment().some(({ watch }) => watch.hasDueTry(forMs, nowMs));
  }

  /** Asks the endpoint's server; who can't be asked is unknown. */
  async check(endpoint: string, signal: AbortSignal): Promise<CheckResult> {
    return (await this.entries.get(endpoint)?.endpoint.check?.(signal)) ?? 'unknown';
  }

  /** What a check of the endpoint's server has shown. */
  hearCheck(endpoint: string, result: CheckResult): void {
    const { deployments = [] } = this.entries.get(endpoint) ?? {};
    const nowMs = this.nowMs();
    for (const deployment of deployments) {
      this.observed(deployment, () => deployment.watch.hearCheck(result, nowMs));
    }
    this.afterTime(deployments, nowMs);
  }

  private watchAt(endpoint: string, model: string): DeploymentWatch | undefined {
    return this.entries.get(endpoint)?.watches.get(model);
  }

  private eachDeployment(): Deployment[] {
    return [...this.deployments.values()].flatMap(({ all }) => [...all]);
  }

  private enter(endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): Entry {
    const { name, maxConcurrency: places } = endpoint;
    if (this.entries.has(name)) throw new EndpointNameTakenError(name);
    const models = endpoint.models.map(plainOffer);
    const defaults = { models, places, weight: 1, group: 'primary', rpm: null, tpm: null } as const;
    const entry: Entry = {
      endpoint,
      limits: new EndpointLimits(() => entry.state),
      replaced: new Map(),
      state: registered(name, { ...defaults, ...settings }),
      watches: new Map(),
      deployments: [],
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
      entry.deployments = entry.state.phase === 'removing' ? [] : this.deploymentsAt(entry);
      for (const deployment of entry.deployments) {
        const model = deployment.offer.name;
        serving.set(model, [...(serving.get(model) ?? []), deployment]);
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

  private deploymentsAt(entry: Entry): Deployment[] {
    const offers = new Map(entry.state.models.map((each) => [each.name, each]));
    return [...offers].map(([model, offer]) => {
      const watch = watchOf(entry, model, () => new DeploymentWatch(this.random, this.careful));
      return { entry, offer, watch };
    });
  }

  /** Calls that may begin at a deployment now. */
  private roomAt(deployment: Deployment, nowMs: number, tokens: number | null = null): number {
    const { watch } = deployment;
    const { state } = deployment.entry;
    const { limits } = deployment.entry;
    const free = state.phase === 'active' ? limits.room(nowMs, tokens) : 0;
    if (free === 0 || watch.isCalm) return free;
    const rising = watch.placesNow(limits.share('places'), nowMs) - watch.underWay;
    return Math.max(0, Math.min(free, rising, watch.room(nowMs, this.partOf(deployment))));
  }

  /** This process's part in what all may do; alone it does everything. */
  private partOf({ entry: { limits } }: Deployment): Part {
    return { ofPace: limits.part, tries: this.tries() };
  }

  /** It is not known to serve, and one call from here may try. */
  private isToTry(deployment: Deployment, nowMs: number): boolean {
    return deployment.watch.wouldTry && this.roomAt(deployment, nowMs) > 0;
  }

  private candidateOf(
    deployment: Deployment,
    nowMs: number,
    {
      exclude,
      tokens = null,
    }: {
      readonly exclude?: ReadonlySet<string> | undefined;
      readonly tokens?: number | null | undefined;
    } = {},
  ): Candidate {
    const { entry, watch } = deployment;
    const { name, taken, places, weight, group } = entry.state;
    const isWanted = exclude === undefined || !exclude.has(name);
    const firstTokenEwmaMs = peakAt(watch.health.firstToken, nowMs);
    const asEver = { name, taken, weight, group, firstTokenEwmaMs };
    const room = this.roomAt(deployment, nowMs, tokens);
    // Load is told by the places that this process has; what is closed for other reasons looks full.
    const known = room > 0 ? Math.max(taken + room, Math.min(places, entry.limits.share('places'))) : taken;
    if (watch.isCalm) return { ...asEver, places: known, share: 1, healthy: isWanted };
    const healthy = isWanted && watch.serves(nowMs);
    const paced = watch.rateNow(nowMs) !== null;
    const now = { places: taken + room, held: known, paced };
    return { ...asEver, ...now, share: watch.shareNow(nowMs), healthy };
  }

  private lease(deployment: Deployment, reason: string, nowMs: number, tokens?: number): EndpointLease {
    const { entry, offer, watch } = deployment;
    let held = true;
    const { endpoint: at } = entry;
    let told: CallSign | null = null;
    const name = { endpoint: entry.state.name, model: offer.name };
    entry.state = placeTaken(entry.state);
    const use = entry.limits.begin(nowMs, tokens ?? null);
    const wasTry = watch.begin(nowMs, this.partOf(deployment));
    if (!watch.isCalm) this.wakeInTime([deployment], nowMs);
    const ended = (sign: CallSign) => {
      if (told !== null) return;
      told = sign;
      if (sign.kind === 'not_now') entry.limits.refund(use);
      else if (sign.kind === 'answered' && sign.tokens !== null) entry.limits.settle(use, sign.tokens);
      this.told(deployment, sign, nowMs);
    };
    const release = () => {
      if (!held) return;
      held = false;
      entry.state = placeFreed(entry.state);
      const replaced = entry.replaced.get(at);
      if (replaced !== undefined) {
        entry.replaced.set(at, replaced - 1);
        this.closeIfUnused(entry, at);
      }
      watch.end(wasTry);
      entry.limits.onIdle();
      this.events.emit('ended', { ...name, sign: told, tookMs: this.nowMs() - nowMs });
      this.afterRelease(deployment);
    };
    // The whole answer can take minutes; that the deployment serves again is known with the first piece.
    const proves = () => this.told(deployment, SERVES, nowMs);
    const endpoint = wasTry ? tellingFirstPiece(at, proves) : at;
    this.events.emit('began', name);
    return { kind: 'leased', endpoint, model: offer.name, offer, reason, ended, release };
  }

  /** A sign of a call from here: for this process, and for the others where they should not wait for it. */
  private told({ entry, offer, watch }: Deployment, sign: CallSign, beganMs: number): void {
    const wasCalm = watch.isCalm && watch.health.failuresInRow === 0;
    if (wasCalm && sign.kind === 'answered') watch.keepUnsaid(sign.firstTokenMs);
    const ageMs = this.nowMs() - beganMs;
    this.fold(entry, offer.name, sign, beganMs);
    if (wasCalm && (sign.kind === 'answered' || sign.kind === 'rejected')) return;
    this.events.emit('sign', { endpoint: entry.state.name, model: offer.name, sign, ageMs });
  }

  private fold(entry: Entry, model: string, sign: CallSign, beganMs: number): void {
    const nowMs = this.nowMs();
    const all = entry.deployments;
    const about = concernsAll(sign) ? all : all.filter(({ offer }) => offer.name === model);
    let isOpen = false;
    for (const deployment of about) {
      this.observed(deployment, () => deployment.watch.hear(sign, beganMs, nowMs));
      isOpen ||= !deployment.watch.isCalm;
    }
    if (isOpen) this.afterTime(about, nowMs);
  }

  /** Runs what may change a deployment's health, and tells of the change. */
  private observed({ entry, offer, watch }: Deployment, change: () => void): void {
    const from = watch.health.state;
    change();
    const { state: to, reason } = watch.health;
    if (to === from) return;
    this.events.emit('health', { endpoint: entry.state.name, model: offer.name, from, to, reason });
  }

  /** What was closed may be open now, and what is closed opens later. */
  private afterTime(deployments: readonly Deployment[], nowMs: number): void {
    const opened = new Set<Entry>();
    for (const deployment of deployments) {
      this.observed(deployment, () => deployment.watch.settle(nowMs));
      if (this.roomAt(deployment, nowMs) === 0) continue;
      this.inVain.delete(deployment.offer.name);
      opened.add(deployment.entry);
    }
    this.wakeInTime(deployments, nowMs);
    if (opened.size === 0) {
      this.askForWaiters(nowMs);
      return;
    }
    this.serveWaiters();
    for (const { state } of opened) this.events.emit('freed', state);
  }

  /** A call was asked for that may not begin: by time, or with more of the limits that all share. */
  private inNeed(deployments: readonly Deployment[], nowMs: number): void {
    this.wakeInTime(deployments, nowMs);
    for (const { entry, watch } of deployments) {
      const isLacking = entry.limits.room(nowMs) === 0 || entry.limits.part < 1;
      if (isLacking && (watch.serves(nowMs) || this.tries())) entry.limits.noteShort(nowMs);
    }
  }

  /**
   * Who waits here asked once. Since then it may have become this process's turn to try, or nobody gave what was asked
   * for.
   */
  private askForWaiters(nowMs: number): void {
    const models = new Set([...this.waiters].map(({ model }) => model ?? this.firstModel));
    for (const model of models) this.inNeed(this.deployments.get(model)?.active ?? [], nowMs);
  }

  /** What this process may use of each endpoint, by name. */
  limits(): ReadonlyMap<string, EndpointLimits> {
    return new Map([...this.entries.values()].map(({ state, limits }) => [state.name, limits]));
  }

  /** By endpoint whose minute is limited, what calls from here hold of it. */
  minuteUse(): Record<string, { readonly rpm: number[]; readonly tpm: number[] }> {
    const nowMs = this.nowMs();
    return Object.fromEntries(
      [...this.entries.values()].flatMap(({ state, limits }) => {
        const use = limits.minuteUse(nowMs);
        return use === null ? [] : [[state.name, { rpm: [...use.rpm], tpm: [...use.tpm] }]];
      }),
    );
  }

  /** Shares have changed. */
  apportioned(endpoint: string): void {
    const entry = this.entries.get(endpoint);
    if (entry !== undefined) this.afterTime(entry.deployments, this.nowMs());
  }

  private wakeInTime(deployments: readonly Deployment[], nowMs: number): void {
    let atMs = Infinity;
    for (const { watch, entry } of deployments) {
      atMs = Math.min(atMs, watch.nextMs(nowMs) ?? Infinity, entry.limits.nextMs(nowMs) ?? Infinity);
    }
    if (atMs >= this.timerAtMs) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timerAtMs = atMs;
    this.timer = setTimeout(() => this.wake(), Math.min(LONGEST_TIMER_MS, Math.ceil(atMs - nowMs)));
    this.timer.unref();
  }

  private wake(): void {
    this.timer = null;
    this.timerAtMs = Infinity;
    this.afterTime(
      this.eachDeployment().filter(
        ({ watch, entry: { state } }) => !watch.isCalm || state.rpm !== null || state.tpm !== null,
      ),
      this.nowMs(),
    );
  }

  private afterRelease(deployment: Deployment): void {
    const { entry } = deployment;
    this.forgetIfGone(entry);
    if (!hasFreePlace(entry.state)) return;
    const nowMs = this.nowMs();
    let isOpen = false;
    for (const each of entry.deployments) {
      if (this.roomAt(each, nowMs) === 0) continue;
      this.inVain.delete(each.offer.name);
      isOpen = true;
    }
    if (!isOpen) {
      this.wakeInTime([deployment], nowMs);
      return;
    }
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

function watchOf(entry: Entry, model: string, make: () => DeploymentWatch): DeploymentWatch {
  const known = entry.watches.get(model);
  if (known !== undefined) return known;
  const watch = make();
  entry.watches.set(model, watch);
  return watch;
}

function keyOf(endpoint: string, model: string): string {
  return `${endpoint}\n${model}`;
}

/** Where nobody listens, no model of the endpoint is served. */
function concernsAll(sign: CallSign): boolean {
  if (sign.kind === 'not_now') return sign.reason === 'refused_connection';
  return sign.kind === 'failed' && OF_THE_CONNECTION.has(sign.code);
}

function tellingFirstPiece(endpoint: ModelEndpoint, tell: () => void): ModelEndpoint {
  let isTold = false;
  const call = (asked: ModelCall) =>
    endpoint.call({
      ...asked,
      onDelta: (delta) => {
        if (!isTold) tell();
        isTold = true;
        asked.onDelta(delta);
      },
    });
  const { name, models, maxConcurrency } = endpoint;
  return { name, models, maxConcurrency, call, close: () => endpoint.close() };
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
