import { traceOf } from '../trace-context.policy.js';
import { LANES, type Lane } from './lane.policy.js';
import { type EventContext, type MessagePrioritized, messageEvent } from './message.events.js';
import type { LaneEntry } from './move.decision.js';

/** The lane above; null for the highest. */
export function laneAbove(lane: Lane): Lane | null {
  return LANES[LANES.indexOf(lane) - 1] ?? null;
}

/**
 * A message that waited too long enters the lane above, at its end. The fold takes it only while the entry that it
 * replaces is where the message waits (`isOutrun`), so that it counts for nothing if a worker was faster.
 *
 * @param receivedSequence where the request lies
 */
export function age(
  { sequence, event }: LaneEntry,
  receivedSequence: number,
  lane: Lane,
  { now, newId }: Pick<EventContext, 'now' | 'newId'>,
): MessagePrioritized {
  const { subject: messageId, tenant } = event;
  const { analysis: _, ...data } = event.data;
  const context = { messageId, tenant, lane, now, newId, ...traceOf(event) };
  return messageEvent(context, 'llmq.message.prioritized.v1', {
    ...data,
    ...{ priority: lane, reason: 'aged', received_sequence: receivedSequence, moved_from: sequence },
  });
}
