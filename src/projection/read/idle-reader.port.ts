import type { ConversationState } from '../../domain/conversation/conversation.state.js';

export interface IdleReader {
  /**
   * Conversations in one of the states whose last activity is before the time (ISO 8601), and of whose messages none is
   * open or has ended since; the idlest first.
   */
  idleSince(
    time: string,
    states: readonly ('active' | 'inactive' | 'completed')[],
    limit: number,
  ): Promise<readonly ConversationState[]>;
}

export const IDLE_READER = Symbol('IdleReader');
