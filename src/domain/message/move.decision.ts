import { traceOf } from '../trace-context.policy.js';
import { type EventContext, type MessagePrioritized, messageEvent } from './message.events.js';

/** An entry of a lane, and where it lies in the log. */
export interface LaneEntry {
  readonly sequence: number;
  readonly event: MessagePrioritized;
}

/**
 * What an earlier version put into a lane enters it anew, by the route of its model. The new entry takes the old one's
 * place (`decideDispatch`), and whoever gets it looks first whether the message has run or ended by the old one.
 */
export function move(
  { sequence, event }: LaneEntry,
  { model, receivedSequence }: { readonly model: string | null; readonly receivedSequence: number },
  { now, newId }: Pick<EventContext, 'now' | 'newId'>,
): MessagePrioritized {
  const { subject: messageId, tenant, lane, data } = event;
  const context = { messageId, tenant, lane, now, newId, ...traceOf(event) };
  return messageEvent(context, 'llmq.message.prioritized.v1', {
    ...data,
    received_sequence: receivedSequence,
    moved_from: sequence,
    ...(model === null ? {} : { model }),
  });
}
