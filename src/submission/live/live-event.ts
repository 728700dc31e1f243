import type { MessageState } from '../../domain/message/message.state.js';
import type { MessageView } from '../../projection/read/message-view.js';
import type { MessageWait } from '../waiting/message-wait.policy.js';

/** What is followed. A conversation may be named by either of its ids. */
export interface LiveTopic {
  readonly kind: 'message' | 'conversation' | 'user';
  readonly id: string;
}

type Told =
  | 'id'
  | 'userId'
  | 'status'
  | 'priority'
  | 'priorityReason'
  | 'model'
  | 'attempts'
  | 'maxRetries'
  | 'createdAt'
  | 'updatedAt'
  | 'scheduledAt'
  | 'deadline'
  | 'startedAt'
  | 'completedAt'
  | 'error';

/** Where a message stands: what of it changes, without what was asked and answered. */
export interface LiveStatus extends Pick<MessageState, Told> {
  /** As clients know it. */
  readonly conversationId: string | null;
}

/**
 * What followers are told. `id` is where to go on after a cut: whoever comes back with it misses nothing and gets no
 * piece twice. Null where nothing can be gone on from yet: the id before it stays the one to come back with.
 *
 * - `status`: where the message stands now. The first of all, then after each change and, while it waits, from time to time.
 * - `piece`: more of the answer. Pieces since the last `restart`, joined, are the answer.
 * - `restart`: the answer begins anew; what came of it is to be thrown away.
 * - `ended`: the message has ended. The whole answer, or why there is none, is in the view. A message's own stream ends here.
 */
export type LiveEvent =
  | {
      readonly type: 'status';
      readonly messageId: string;
      readonly id: string | null;
      readonly status: LiveStatus;
      readonly wait: MessageWait;
    }
  | {
      readonly type: 'piece';
      readonly messageId: string;
      readonly id: string;
      readonly attempt: number;
      /** OpenAI's `choices[0].delta`, with the choice's `index` where that is another one. */
      readonly delta: Readonly<Record<string, unknown>>;
      /** Who speaks, where that is not the model that was asked for. */
      readonly model?: string;
    }
  | { readonly type: 'restart'; readonly messageId: string; readonly id: string }
  | { readonly type: 'ended'; readonly messageId: string; readonly id: string; readonly view: MessageView };
