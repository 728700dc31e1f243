import type { Acquired, EndpointRegistry } from '../endpoints/endpoint-registry.js';

const BUSY: Acquired = { kind: 'busy' };

/**
 * The endpoints' places as the worker's loop sees them: it remembers who was found busy until a place is freed, so that
 * a full house costs no search for each waiting message.
 */
export class EndpointPlaces {
  private readonly endpointsOf: ReadonlyMap<string, readonly string[]>;
  private readonly endpoints: ReadonlySet<string>;
  private readonly busyModels = new Set<string>();
  private readonly busyEndpoints = new Set<string>();

  constructor(private readonly registry: EndpointRegistry) {
    const models = registry.models();
    this.endpointsOf = new Map(models.map((model) => [model.id, model.endpoints]));
    this.endpoints = new Set(models.flatMap((model) => model.endpoints));
    // Before all others who listen, so that they see the place that was freed.
    registry.onFree(() => this.forgetBusy());
  }

  /** True when no endpoint is known to have a free place: there is no use in taking a message off its lane. */
  get noneFree(): boolean {
    return this.busyEndpoints.size === this.endpoints.size;
  }

  get busy(): string[] {
    return [...this.busyModels];
  }

  isBusy(model: string | null): boolean {
    return this.busyModels.has(this.named(model));
  }

  /** What a message without a model gets. */
  named(model: string | null): string {
    return model ?? this.registry.defaultModel;
  }

  acquire(model: string | null): Acquired {
    if (this.isBusy(model)) return BUSY;
    const acquired = this.registry.acquire(model);
    if (acquired.kind === 'busy') {
      this.busyModels.add(this.named(model));
      for (const endpoint of this.endpointsOf.get(this.named(model)) ?? []) this.busyEndpoints.add(endpoint);
    }
    return acquired;
  }

  /** Calls the listener after each release. Returns the way to stop listening. */
  onFree(listener: () => void): () => void {
    return this.registry.onFree(listener);
  }

  private forgetBusy(): void {
    this.busyModels.clear();
    this.busyEndpoints.clear();
  }
}
