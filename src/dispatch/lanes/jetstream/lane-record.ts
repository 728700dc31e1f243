import type { MessagePrioritized, ModelRequest } from '../../../domain/message/message.events.js';
import { MalformedEventError } from '../../../log/event-log.errors.js';
import { decodeRecord } from '../../../log/log-record.js';

/** What a record on a lane's subject says. */
export interface LaneRecord {
  /** Of `event`, in the log. */
  readonly sequence: number;
  readonly event: MessagePrioritized;
  readonly request: ModelRequest | null;
  readonly conversationId: string | null;
  readonly streamed: boolean | null;
}

/**
 * A record is filed under its last event; the one before it, if any, is the same message's MessageReceived.
 * @throws {MalformedEventError} for anything else
 */
export function laneRecord(bytes: Uint8Array, streamSequence: number): LaneRecord {
  const events = decodeRecord(bytes, streamSequence);
  const { sequence, event } = events[events.length - 1]!;
  if (event.type !== 'llmq.message.prioritized.v1') {
    throw new MalformedEventError(`${event.type} on a lane's subject`, sequence);
  }
  const first = events[0]!.event;
  const received =
    first.type === 'llmq.message.received.v1' && first.subject === event.subject ? first.data : null;
  return {
    sequence,
    event,
    request: received?.request ?? null,
    conversationId: received?.conversation_id ?? null,
    streamed: received?.stream ?? null,
  };
}
