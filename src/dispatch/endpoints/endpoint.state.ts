import { assertNever } from '../../domain/assert-never.js';
/** What an endpoint offers. All of it can change while calls run. */
export interface EndpointSettings {
  readonly models: readonly string[];
  /** Calls at once, over all its models, from this process. */
  readonly places: number;
  /** Its part of the traffic beside other endpoints of the same model, for strategies that weigh. */
  readonly weight: number;
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
