import type {
  EventContext,
  MessageEventData,
  MessagePrioritized,
  ModelRequest,
} from '../../domain/message/message.events.js';
import type { DueMessage } from '../../domain/message/requeue-due.decision.js';
import type { Sources } from '../../platform/clock.js';
import type { LaneDelivery } from '../lanes/lane.port.js';

/** A message that a model may be called for: nothing in the log speaks against it, and its request is at hand. */
export interface Work {
  readonly delivery: LaneDelivery;
  /** What the model is sent, the history of its conversation included. */
  readonly request: ModelRequest;
  /** Which earlier turns are in it; null outside of a conversation. */
  readonly context: MessageEventData['llmq.message.dispatched.v1']['context'];
}

/** For the events that this worker appends about a message, as of now. */
export function contextNow(event: MessagePrioritized, sources: Sources): EventContext {
  return {
    messageId: event.subject,
    tenant: event.tenant,
    lane: event.lane,
    now: new Date(sources.nowMs()).toISOString(),
    newId: sources.newId,
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
  };
}

/** The append that received a message holds both events, the request right before the lane's. */
export function receivedSequenceOf(delivery: LaneDelivery): number {
  return delivery.event.data.received_sequence ?? delivery.sequence - 1;
}

/** What the schedule of a message's next attempt must carry. */
export function dueMessage(delivery: LaneDelivery, attempt: number): DueMessage {
  const { data } = delivery.event;
  return {
    priority: data.priority,
    attempt,
    receivedSequence: receivedSequenceOf(delivery),
    timeoutMs: data.timeout_ms,
    maxRetries: data.max_retries,
    receivedAt: data.received_at,
    deadline: data.deadline ?? null,
    backoff: data.backoff ?? null,
    conversationId: data.conversation_id ?? null,
  };
}
