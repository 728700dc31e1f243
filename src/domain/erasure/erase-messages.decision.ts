import type { CloudEventContext } from '../cloud-event.events.js';
import { type ErasedPart, type ErasureEventOf, erasureEvent } from './erasure.events.js';

/** A message that has ended. */
export interface EndedMessage {
  readonly id: string;
  readonly conversationId: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Of the last event that counted. */
  readonly lastSequence: number;
}

export interface WantedErasure {
  readonly messages: readonly EndedMessage[];
  readonly part: ErasedPart;
  readonly by: string;
  readonly reason: string;
}

export function eraseMessages(
  context: CloudEventContext,
  { messages, part, by, reason }: WantedErasure,
): ErasureEventOf<'llmq.erasure.decided.v1'> {
  const turns = new Map<string, string>();
  for (const { conversationId, createdAt } of messages) {
    if (conversationId === null) continue;
    const newest = turns.get(conversationId);
    if (newest === undefined || createdAt > newest) turns.set(conversationId, createdAt);
  }
  return erasureEvent(context, 'llmq.erasure.decided.v1', {
    ...{ by, reason, part },
    messages: messages.map(({ id, lastSequence }) => ({ id, last_sequence: lastSequence })),
    turns: [...turns].map(([conversation_id, last_message_at]) => ({ conversation_id, last_message_at })),
  });
}
