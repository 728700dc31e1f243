import type { QueuedErasure } from '../../domain/conversation/erasing-order.policy.js';
import type { Lane } from '../../domain/message/message.events.js';

/** A message of a conversation, as far as its erasure wants to know it. */
export interface ErasableMessage {
  readonly id: string;
  readonly lane: Lane;
  /** It has not ended: it waits or runs. */
  readonly open: boolean;
}

/** An erased conversation of which the log, or the projection, still holds something. */
export interface UnfinishedErasure {
  readonly conversationId: string;
  readonly tenant: string;
  /** Messages that came in while the conversation was being erased, and are in no erasure yet. */
  readonly strays: readonly ErasableMessage[];
}

export interface ErasureReader {
  /** All messages of a conversation, and those outside of it that repeat one of them: they hold the same content. */
  messagesOf(tenant: string, conversationId: string): Promise<readonly ErasableMessage[]>;
  /** Those to go on with, at most `limit`. */
  unfinished(limit: number): Promise<readonly UnfinishedErasure[]>;
  queued(conversationId: string): Promise<readonly QueuedErasure[]>;
}

/** What messages leave outside of the log and the projection: pieces of their answers, and their schedules. */
export interface MessageRemains {
  /**
   * Takes it away; what is not there is passed over.
   * @throws when the broker does not confirm; some may be left
   */
  clear(messageIds: readonly string[]): Promise<void>;
}

export const MESSAGE_REMAINS = Symbol('MessageRemains');
export const ERASURE_READER = Symbol('ErasureReader');
