import { type ChoiceStrategy, chooseEndpoint } from './choose-endpoint.policy.js';
import type { ModelEndpoint } from './model-endpoint.port.js';

/** A place at an endpoint, held until it is released. */
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
 * - `busy`: endpoints serve the model, but all their places are taken. `onFree` tells when to ask again.
 * - `unknown_model`: no endpoint serves it.
 */
export type Acquired = EndpointLease | { readonly kind: 'busy' } | { readonly kind: 'unknown_model' };

export interface ServedModel {
  readonly id: string;
  /** Names of the endpoints that serve it. */
  readonly endpoints: readonly string[];
}

/** An endpoint and how many of its places this process has taken. */
interface Seat {
  readonly endpoint: ModelEndpoint;
  readonly places: number;
  taken: number;
}

interface Group {
  readonly seats: readonly Seat[];
  turn: number;
}

/**
 * The endpoints of this process, by the models that they serve, with the places taken at each.
 *
 * An endpoint's places are counted over all its models, for this process only: `max_concurrency` is each worker's own
 * share of the endpoint. Health and circuit breaking are deliberately absent.
 */
export class EndpointRegistry {
  /** What a message without a model gets: the first model of the first endpoint. */
  readonly defaultModel: string;
  private readonly groups = new Map<string, Group>();
  private readonly listeners = new Set<() => void>();

  /** @throws {NoEndpointError} without any model to serve */
  constructor(
    private readonly endpoints: readonly ModelEndpoint[],
    private readonly strategy: ChoiceStrategy = 'least_busy',
  ) {
    const first = endpoints[0]?.models[0];
    if (first === undefined) throw new NoEndpointError();
    this.defaultModel = first;
    for (const endpoint of endpoints) this.add({ endpoint, places: endpoint.maxConcurrency, taken: 0 });
  }

  /** In the order of the configuration, each model once. */
  models(): ServedModel[] {
    return [...this.groups].map(([id, { seats }]) => ({ id, endpoints: seats.map((s) => s.endpoint.name) }));
  }

  /** Calls at once that all endpoints together take from this process. */
  get places(): number {
    return this.endpoints.reduce((sum, { maxConcurrency }) => sum + maxConcurrency, 0);
  }

  serves(model: string): boolean {
    return this.groups.has(model);
  }

  /** Takes a place at an endpoint that serves the model (null: the default model). Never waits. */
  acquire(model: string | null): Acquired {
    const wanted = model ?? this.defaultModel;
    const group = this.groups.get(wanted);
    if (group === undefined) return { kind: 'unknown_model' };
    const choice = chooseEndpoint(this.strategy, group.seats, group.turn);
    if (choice === null) return { kind: 'busy' };
    group.turn += 1;
    return this.lease(group.seats[choice.index]!, wanted, choice.reason);
  }

  /** Calls the listener after each release, in the releasing call. Returns the way to stop listening. */
  onFree(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Closes the endpoints' connections; calls still running fail. */
  async close(): Promise<void> {
    await Promise.all(this.endpoints.map((endpoint) => endpoint.close()));
  }

  private add(seat: Seat): void {
    for (const model of new Set(seat.endpoint.models)) {
      const group = this.groups.get(model);
      this.groups.set(model, { seats: [...(group?.seats ?? []), seat], turn: 0 });
    }
  }

  private lease(seat: Seat, model: string, reason: string): EndpointLease {
    let held = true;
    seat.taken += 1;
    const release = () => {
      if (!held) return;
      held = false;
      seat.taken -= 1;
      for (const listener of this.listeners) listener();
    };
    return { kind: 'leased', endpoint: seat.endpoint, model, reason, release };
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
