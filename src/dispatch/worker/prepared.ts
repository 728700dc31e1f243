import type { DispatchDecision } from '../../domain/message/dispatch.decision.js';
import type { Work } from './work.js';

/**
 * What becomes of a delivery before any endpoint is looked for.
 * - `ready`: a model may be called.
 * - `held`: an earlier turn of its conversation has to end first.
 * - `known`: the log has decided it already.
 * - `unclear`: nobody can tell yet whether it ran, or whose turn it is; ask again later.
 * - `request_missing`: its request is no longer in the log.
 */
export type Prepared =
  | { readonly kind: 'ready'; readonly work: Work }
  | { readonly kind: 'held'; readonly behind: string }
  | { readonly kind: 'known'; readonly decision: Exclude<DispatchDecision, { kind: 'call' }> }
  | { readonly kind: 'unclear' }
  | { readonly kind: 'request_missing'; readonly sequence: number };
