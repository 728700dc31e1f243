import type {
  Analysis,
  AttemptError,
  Lane,
  PriorityReason,
  Usage,
} from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import type { MessageEntity } from '../tables/entities/message.entity.js';
import type { MessageRequestEntity } from '../tables/entities/message-request.entity.js';
import type { MessageResultEntity } from '../tables/entities/message-result.entity.js';

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

/** A message with what was asked and the answer that counts, as the reader's query puts them together. */
export interface MessageRow extends MessageEntity {
  readonly request: MessageRequestEntity;
  readonly result: MessageResultEntity | null;
}

export function messageView(row: MessageRow): MessageView {
  const { request, metadata, userId, conversationId, analysis, replayOf } = row.request;
  return {
    id: row.id,
    tenant: row.tenant,
    userId,
    conversationId,
    replayOf,
    content: request.content ?? null,
    messages: request.messages ?? null,
    priority: row.priority,
    priorityReason: row.priorityReason,
    status: row.status,
    attempts: row.attempts,
    maxRetries: row.maxRetries,
    model: row.model,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    scheduledAt: row.scheduledAt?.toISOString() ?? null,
    deadline: row.deadline?.toISOString() ?? null,
    startedAt: row.startedAt?.toISOString() ?? null,
    completedAt: row.completedAt?.toISOString() ?? null,
    metadata,
    analysis,
    result: row.result && messageResult(row.result),
    error: row.error,
  };
}

function messageResult(row: MessageResultEntity): MessageResult {
  return {
    answer: row.answer,
    finishReason: row.finishReason,
    model: row.model,
    endpoint: row.endpoint,
    usage: usage(row),
  };
}

/** Both counts come from one `usage`, so they are there together or not at all. */
function usage({ promptTokens, completionTokens }: MessageResultEntity): Usage | null {
  if (promptTokens === null || completionTokens === null) return null;
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens };
}
