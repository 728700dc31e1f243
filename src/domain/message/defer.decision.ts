import {
  type EventContext,
  type MessageDeferred,
  type MessagePrioritized,
  type MessageRerouted,
  messageEvent,
} from './message.events.js';

/** An endpoint that did not take the call, and what it said. */
export type NotTaken = Pick<
  MessageDeferred['data'],
  'endpoint' | 'model' | 'reason' | 'status' | 'message' | 'remote' | 'retry_after_ms'
>;

/** The message goes back into its lane without an attempt. */
export function defer(
  context: EventContext,
  prioritized: MessagePrioritized,
  delivery: number,
  notTaken: NotTaken,
): MessageDeferred {
  const { attempt } = prioritized.data;
  return messageEvent(context, 'llmq.message.deferred.v1', { attempt, delivery, ...notTaken });
}

export type Reroute = Pick<MessageRerouted['data'], 'from' | 'to' | 'mode' | 'delivered_characters'>;

/** The record that an attempt's call moves to another deployment; durable before anything that comes of it. */
export function reroute(
  context: EventContext,
  prioritized: MessagePrioritized,
  delivery: number,
  move: Reroute,
): MessageRerouted {
  const { attempt } = prioritized.data;
  return messageEvent(context, 'llmq.message.rerouted.v1', { attempt, delivery, ...move });
}
