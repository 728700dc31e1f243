import type { ConversationLifeState } from '../../domain/conversation/conversation.events.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import type { ChatMessage, Lane } from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import type { MessageView, Page } from './message-reader.port.js';

/** A message of a conversation, with what a model needs of it. */
export interface Turn {
  readonly messageId: string;
  /** In the order of the conversation's turns: where it was received, or requeued last. */
  readonly place: number;
  readonly userId: string;
  readonly status: MessageStatus;
  /** Exactly one of the two is there. */
  readonly content: string | null;
  readonly messages: readonly ChatMessage[] | null;
  /** The assistant's message in OpenAI's shape, of the answer that counts; null where there is none. */
  readonly answer: ({ readonly content: string | null } & Record<string, unknown>) | null;
  /** Of the answer's event (or whichever ended the turn); null while the turn is open. */
  readonly terminalSequence: number | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

export interface TurnsQuery {
  /** The newest first where it is absent. */
  readonly order?: PageOrder;
  /** Only turns behind this place in that order. */
  readonly behind?: number;
  readonly limit: number;
}

export interface ConversationFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly state?: ConversationLifeState;
  readonly priority?: Lane;
  /** Anywhere in the title, without regard to case. */
  readonly title?: string;
}

export type PageOrder = 'newest_first' | 'oldest_first';

/** Reads the projection's conversations. Says nothing of how far the projection is; `ProjectionPosition` does. */
export interface ConversationReader {
  /** Null for an unknown id and for another tenant's conversation alike; an erased one is there as its tombstone. */
  find(tenant: string, id: string): Promise<ConversationState | null>;
  /**
   * Newest first; erased ones are left out.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  list(filter: ConversationFilter, limit: number, cursor: string | null): Promise<Page<ConversationState>>;
  /** By their places. A page costs the same wherever it lies. */
  turns(tenant: string, id: string, query: TurnsQuery): Promise<readonly Turn[]>;
  /** Null for a message that is unknown, or no turn. */
  placeOf(messageId: string): Promise<number | null>;
  /**
   * The same messages as clients read them.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  messages(
    tenant: string,
    id: string,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<MessageView>>;
  /** How many of the user's conversations take messages, counted up to `most`. */
  countOpen(tenant: string, userId: string, most: number): Promise<number>;
}

export const CONVERSATION_READER = Symbol('ConversationReader');
