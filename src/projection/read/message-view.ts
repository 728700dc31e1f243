import type { Usage } from '../../domain/message/message.events.js';
import type { MessageEntity } from '../tables/entities/message.entity.js';
import type { MessageRequestEntity } from '../tables/entities/message-request.entity.js';
import type { MessageResultEntity } from '../tables/entities/message-result.entity.js';
import type { MessageResult, MessageView } from './message-reader.port.js';

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
