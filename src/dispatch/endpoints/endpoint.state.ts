import { assertNever } from '../../domain/assert-never.js';
export type Capability = 'vision' | 'tools' | 'json' | 'prefill' | 'reasoning_input' | 'system_anywhere';

/** One model at one endpoint. */
export interface ModelOffer {
  /** What clients ask for. */
  readonly name: string;
  /** What the endpoint is asked for. */
  readonly upstream: string;
  /** The longest request with its answer, in tokens; null where it is not known. */
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  readonly capabilities: readonly Capability[];
  /** Per million tokens; null where it is not known. */
  readonly price: {
    readonly input: number;
    readonly output: number;
    readonly cached: number | null;
  } | null;
}

/** What an endpoint offers. All of it can change while calls run. */
export interface EndpointSettings {
  readonly models: readonly ModelOffer[];
  /** Calls at once, over all its models. */
  readonly places: number;
  /** Its part of the traffic beside other endpoints of the same model, for strategies that weigh. */
  readonly weight: number;
  /** A backup is called only while no primary endpoint can serve the model. */
  readonly group: 'primary' | 'backup';
  /** Requests per minute; null for no limit. */
  readonly rpm: number | null;
  /** Tokens per minute; null for no limit. */
  readonly tpm: number | null;
}

/** A model of which nothing but the name is known. */
export function plainOffer(name: string): ModelOffer {
  return {
    ...{ name, upstream: name, contextTokens: null, maxOutputTokens: null },
    ...{ capabilities: [], price: null },
  };
}

/**
 * - `active`: takes calls.
 * - `draining`: takes no new call; those under way end. Messages of its models wait for it.
 * - `removing`: the same, but for good: it serves no model any more, and is gone with its last call.
 */
export type EndpointPhase = 'active' | 'draining' | 'removing';

export interface EndpointState extends EndpointSettings {
  readonly name: string;
  readonly phase: EndpointPhase;
  /** Calls under way. More than `places` for a while after these became fewer, since no call is cut. */
  readonly taken: number;
}

export type EndpointChange =
  | { readonly kind: 'settings'; readonly settings: Partial<EndpointSettings> }
  | { readonly kind: 'drain' }
  | { readonly kind: 'undrain' }
  | { readonly kind: 'remove' };

export function registered(name: string, settings: EndpointSettings): EndpointState {
  return { name, ...settings, phase: 'active', taken: 0 };
}

/** Never touches what is taken: a call that was begun before a change ends as it would have without it. */
export function changed(state: EndpointState, change: EndpointChange): EndpointState {
  if (state.phase === 'removing') return state;
  switch (change.kind) {
    case 'settings':
      return { ...state, ...change.settings };
    case 'drain':
      return { ...state, phase: 'draining' };
    case 'undrain':
      return { ...state, phase: 'active' };
    case 'remove':
      return { ...state, phase: 'removing' };
    default:
      return assertNever(change);
  }
}

/** Only where `hasFreePlace`. */
export function placeTaken(state: EndpointState): EndpointState {
  return { ...state, taken: state.taken + 1 };
}

/** Once for each place that was taken. */
export function placeFreed(state: EndpointState): EndpointState {
  return { ...state, taken: state.taken - 1 };
}

export function hasFreePlace({ phase, taken, places }: EndpointState): boolean {
  return phase === 'active' && taken < places;
}

/** Calls that it takes at once now. */
export function placesOffered({ phase, places }: EndpointState): number {
  return phase === 'active' ? places : 0;
}

/** Nothing of it is left to wait for. */
export function isGone({ phase, taken }: EndpointState): boolean {
  return phase === 'removing' && taken === 0;
}
