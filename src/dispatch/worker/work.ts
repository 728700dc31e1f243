import type { NotTaken } from '../../domain/message/defer.decision.js';
import type { DispatchDecision } from '../../domain/message/dispatch.decision.js';
import type {
  EventContext,
  MessageCompleted,
  MessagePrioritized,
  ModelRequest,
} from '../../domain/message/message.events.js';
import { traceOf } from '../../domain/trace-context.policy.js';
import type { Sources } from '../../platform/clock.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import type { ToldTurn } from './told-turn.js';
import type { CallFailure } from './verdict.policy.js';

/** A message that a model may be called for: nothing in the log speaks against it, and its request is at hand. */
export interface Work {
  readonly kind: 'ready';
  readonly delivery: LaneDelivery;
  /** What the client asked. */
  readonly request: ModelRequest;
  /** The conversation of which it is a turn, as a deployment is told of it; null outside of one. */
  readonly conversation: ToldTurn | null;
  /** Its client wants the answer as a stream. */
  readonly streamed: boolean;
  /** An earlier run may still have it, so the record of the call must be durable before the call. */
  readonly inDoubt: boolean;
}

/** What the log has decided about a message already. */
export type Settled = Exclude<DispatchDecision, { kind: 'call' }>;

/**
 * How a message leaves this worker's slot.
 * - `answered`, `failed`: by its call, or by what kept it from being called for good.
 * - `deferred`: no endpoint took its call now; it waits in its lane for one that does.
 * - `cancelled`: before the call or while it ran; the log has its end already.
 * - `held`: an earlier turn of its conversation has to end first.
 * - `known`: the log has decided it already.
 * - `unclear`: nobody can tell yet whether it ran, or whose turn it is; ask again later.
 * - `put_back`: no place was free after all, so it went back as it was.
 * - `handed_back`: it goes back into its lane.
 */
export type Outcome =
  | { readonly kind: 'answered'; readonly completed: MessageCompleted; readonly chunksDelivered: number }
  | { readonly kind: 'failed'; readonly failure: CallFailure; readonly chunksDelivered: number }
  | { readonly kind: 'deferred'; readonly notTaken: NotTaken; readonly failure: CallFailure }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'held'; readonly behind: string }
  | { readonly kind: 'known'; readonly decision: Settled }
  | { readonly kind: 'unclear' }
  | { readonly kind: 'put_back' }
  | { readonly kind: 'handed_back'; readonly delayMs: number };

/** For the events that this worker appends about a message, as of now. */
export function contextNow(event: MessagePrioritized, sources: Sources): EventContext {
  return {
    messageId: event.subject,
    tenant: event.tenant,
    lane: event.lane,
    now: new Date(sources.nowMs()).toISOString(),
    newId: sources.newId,
    ...traceOf(event),
  };
}
