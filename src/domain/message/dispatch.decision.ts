import { isExpired } from './expire.decision.js';
import {
  type AttemptError,
  type EventContext,
  type MessageDispatched,
  type MessagePrioritized,
  messageEvent,
} from './message.events.js';
import { isTerminalStatus, type MessageState } from './message.state.js';

/**
 * What to do with a message that the broker handed over.
 * - `call`: call a model.
 * - `settled`: its terminal event is in the log already; tell who waits, and take it off the lane.
 * - `rescheduled`: its failure and the next attempt's time are in the log; make sure the schedule stands, take it off.
 * - `superseded`: a later entry is in the lane; take this one off.
 * - `give_up`: too many workers died over it.
 * - `expire`: its deadline is past, and nobody has said so yet.
 */
export type DispatchDecision =
  | { readonly kind: 'call' }
  | { readonly kind: 'settled'; readonly terminalSequence: number }
  | { readonly kind: 'rescheduled'; readonly attempt: number; readonly dueAt: string }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'give_up'; readonly lostCalls: number }
  /** `error` is the message's last. */
  | { readonly kind: 'expire'; readonly deadline: string; readonly error: AttemptError | null };

/**
 * Decides on a first delivery without knowledge (`state` null), and on a repeated one by what the log says.
 * A repeated delivery means that a worker died or lost its connection somewhere between the call and the
 * acknowledgement; asking first is what keeps an answered message from being answered again.
 */
export function decideDispatch(
  prioritized: MessagePrioritized,
  sequence: number,
  state: MessageState | null,
  maxLostCalls: number,
  nowMs: number,
): DispatchDecision {
  const deadline = prioritized.data.deadline ?? null;
  const expired = deadline !== null && isExpired(deadline, nowMs);
  if (state === null) return expired ? { kind: 'expire', deadline, error: null } : { kind: 'call' };
  if (isTerminalStatus(state.status) && state.terminalSequence !== null) {
    return { kind: 'settled', terminalSequence: state.terminalSequence };
  }
  if (state.currentAttempt > prioritized.data.attempt) {
    return state.status === 'scheduled' && state.scheduledAt !== null
      ? { kind: 'rescheduled', attempt: state.currentAttempt, dueAt: state.scheduledAt }
      : { kind: 'superseded' };
  }
  // The same attempt came back into its lane by another way: held or requeued, and ready again.
  if (sequence < (state.laneSequence ?? 0)) return { kind: 'superseded' };
  // It was to go up a lane, and a worker was faster.
  if (prioritized.data.reason === 'aged' && sequence !== state.laneSequence) return { kind: 'superseded' };
  if (expired) return { kind: 'expire', deadline, error: state.error };
  if (state.openAttempts >= maxLostCalls) return { kind: 'give_up', lostCalls: state.openAttempts };
  return { kind: 'call' };
}

export interface Dispatch {
  readonly delivery: number;
  readonly worker: string;
  readonly endpoint: string;
  readonly model: string;
  /** Why this endpoint, in words. */
  readonly endpointReason: string;
  readonly context?: MessageDispatched['data']['context'];
}

/** The record that a model is called; durable before anything that comes of the call. */
export function dispatched(
  context: EventContext,
  prioritized: MessagePrioritized,
  dispatch: Dispatch,
): MessageDispatched {
  return messageEvent(context, 'llmq.message.dispatched.v1', {
    attempt: prioritized.data.attempt,
    delivery: dispatch.delivery,
    worker: dispatch.worker,
    endpoint: dispatch.endpoint,
    model: dispatch.model,
    waited_ms: elapsedMs(prioritized.data.received_at, context.now),
    endpoint_reason: dispatch.endpointReason,
    ...(dispatch.context == null ? {} : { context: dispatch.context }),
  });
}

/** Never negative: the clocks of two processes differ. */
export function elapsedMs(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}
