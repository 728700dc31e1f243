import type {
  Analysis,
  AttemptError,
  Lane,
  PriorityReason,
  Usage,
} from '../../domain/message/message.events.js';
import type { MessageState, MessageStatus } from '../../domain/message/message.state.js';

/** A message as clients read it; `gateway` puts it into JSON. Times are ISO 8601 in UTC. */
export interface MessageView {
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly conversationId: string | null;
  /** The message that this one repeats; null for one of its own. */
  readonly replayOf: string | null;
  /** The content as submitted; for a chat, null (see `messages`). */
  readonly content: string | null;
  readonly messages: readonly unknown[] | null;
  readonly priority: Lane;
  readonly priorityReason: PriorityReason;
  readonly status: MessageStatus;
  readonly attempts: number;
  readonly maxRetries: number;
  readonly model: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly scheduledAt: string | null;
  readonly deadline: string | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly metadata: Record<string, unknown>;
  /** What was found in the content when it was prioritized; null where nobody looked. */
  readonly analysis: Analysis | null;
  readonly result: MessageResult | null;
  readonly error: AttemptError | null;
}

export interface MessageResult {
  /** OpenAI's assistant message: `content`, `tool_calls`, ... */
  readonly answer: { readonly content: string | null } & Record<string, unknown>;
  readonly finishReason: string | null;
  readonly model: string;
  readonly endpoint: string;
  readonly usage: Usage | null;
}

export interface MessageFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly conversationId?: string;
  readonly status?: MessageStatus;
  readonly priority?: Lane;
  /** Inclusive, ISO 8601. */
  readonly createdAfter?: string;
  /** Exclusive, ISO 8601. */
  readonly createdBefore?: string;
}

export interface Page<T> {
  readonly data: readonly T[];
  /** Opaque to clients; null on the last page. */
  readonly nextCursor: string | null;
}

export interface MessageReader {
  /** Null for an unknown id and for another tenant's message alike. */
  find(tenant: string, id: string): Promise<MessageView | null>;
  /**
   * Newest first.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  list(filter: MessageFilter, limit: number, cursor: string | null): Promise<Page<MessageView>>;
  /** The fold's state, for workers; null for a message that the projection does not know. */
  state(id: string): Promise<MessageState | null>;
  /** Whether it was erased with its conversation. */
  isErased(id: string): Promise<boolean>;
}

export class InvalidCursorError extends Error {
  readonly code = 'invalid_cursor';
  constructor() {
    super('The cursor is not one that this service gave out.');
  }
}

/** How far the projection is, on any process: broadcast by the active projector, never polled from PostgreSQL. */
export interface ProjectionPosition {
  /** The last sequence known to be applied; 0 before anything was heard. */
  readonly applied: number;
  /** Resolves true once `sequence` is applied, false when the time is over first. */
  waitFor(sequence: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
}

export const MESSAGE_READER = Symbol('MessageReader');
export const PROJECTION_POSITION = Symbol('ProjectionPosition');
