import {
  changed,
  type EndpointChange,
  type EndpointSettings,
  type EndpointState,
  isGone,
  placeFreed,
  placeTaken,
  plainOffer,
  registered,
} from '../endpoint.state.js';
import type { DeploymentWatch } from '../health/deployment-watch.js';
import { EndpointLimits } from '../limits/endpoint-limits.js';
import type { ModelEndpoint } from '../model-endpoint.port.js';

/** An endpoint of the registry and where it stands. */
export class RegistryEntry {
  readonly limits = new EndpointLimits(() => this.state);
  private current: ModelEndpoint;
  private now: EndpointState;
  /** Endpoints that it had before, with the calls that still run there. */
  private readonly replaced = new Map<ModelEndpoint, number>();
  /** By model; kept for as long as the endpoint is there. */
  private readonly watches = new Map<string, DeploymentWatch>();
  private readonly goneListeners: (() => void)[] = [];

  constructor(endpoint: ModelEndpoint, settings: Partial<EndpointSettings>) {
    const { name, maxConcurrency: places } = endpoint;
    const models = endpoint.models.map(plainOffer);
    const defaults = { models, places, weight: 1, group: 'primary', rpm: null, tpm: null } as const;
    this.current = endpoint;
    this.now = registered(name, { ...defaults, ...settings });
  }

  get state(): EndpointState {
    return this.now;
  }

  /** Where new calls go. */
  get endpoint(): ModelEndpoint {
    return this.current;
  }

  watchOf(model: string): DeploymentWatch | undefined {
    return this.watches.get(model);
  }

  watchFor(model: string, make: () => DeploymentWatch): DeploymentWatch {
    const known = this.watches.get(model);
    if (known !== undefined) return known;
    const watch = make();
    this.watches.set(model, watch);
    return watch;
  }

  change(change: EndpointChange): void {
    this.now = changed(this.now, change);
  }

  /** New calls go there from now on; where the others went before is closed with the last of them. */
  moveTo(endpoint: ModelEndpoint): void {
    const elsewhere = [...this.replaced.values()].reduce((sum, calls) => sum + calls, 0);
    const before = this.current;
    this.current = endpoint;
    // What was seen of the address before says nothing of this one.
    this.watches.clear();
    this.replaced.set(before, this.now.taken - elsewhere);
    this.closeIfUnused(before);
  }

  take(): void {
    this.now = placeTaken(this.now);
  }

  /** @param at the endpoint that was called */
  free(at: ModelEndpoint): void {
    this.now = placeFreed(this.now);
    const calls = this.replaced.get(at);
    if (calls === undefined) return;
    this.replaced.set(at, calls - 1);
    this.closeIfUnused(at);
  }

  get isGone(): boolean {
    return isGone(this.now);
  }

  onGone(tell: () => void): void {
    this.goneListeners.push(tell);
  }

  tellGone(): void {
    for (const tell of this.goneListeners) tell();
  }

  /** Calls still running fail. */
  async close(): Promise<void> {
    await Promise.all([this.current, ...this.replaced.keys()].map((endpoint) => endpoint.close()));
  }

  private closeIfUnused(replaced: ModelEndpoint): void {
    if (this.replaced.get(replaced) !== 0) return;
    this.replaced.delete(replaced);
    // Without calls there is nothing that closing could fail for.
    void replaced.close().catch(() => undefined);
  }
}
