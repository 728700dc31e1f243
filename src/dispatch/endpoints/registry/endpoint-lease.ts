import type { ChoiceStrategy } from '../../../domain/choice-strategies.policy.js';
import type { ModelRequest } from '../../../domain/message/message.events.js';
import type { ModelOffer } from '../endpoint.state.js';
import type { CallSign } from '../health/call-sign.state.js';
import type { ModelEndpoint } from '../model-endpoint.port.js';

/** What an endpoint is to be asked, as far as its choice goes by it. */
export interface Asked {
  readonly request: ModelRequest;
  /** With what came before it, where that depends on the deployment; null where nothing did. */
  readonly conversation: { atHandFor(deployment: AskedDeployment): ModelRequest } | null;
}

export interface AskedDeployment {
  readonly model: string;
  readonly offer: ModelOffer;
}

/** What a caller wants of a place beside the model. */
export interface PlaceWish {
  /** Names of endpoints that it must not be at. */
  readonly exclude?: ReadonlySet<string>;
  /** Calls with the same key stay with one endpoint where that is possible. */
  readonly session?: string;
  /** In place of the configured one. */
  readonly strategy?: ChoiceStrategy;
  /** Estimated, of the request and its answer. */
  readonly tokens?: number | null;
  /** Keeps the call from endpoints that have no words for it, as long as another of the model has. */
  readonly asked?: Asked;
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

/** What is known without waiting for a free place. */
export type Settled = Exclude<Acquired, { kind: 'busy' }>;
