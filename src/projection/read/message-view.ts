import type { Analysis, Usage } from '../../domain/message/message.events.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { StoredMessage, StoredRequest, StoredResult } from '../tables/message.tables.js';

/** What clients see of a message's state. */
type Seen =
  | 'id'
  | 'tenant'
  | 'userId'
  | 'conversationId'
  | 'priority'
  | 'priorityReason'
  | 'status'
  | 'attempts'
  | 'maxRetries'
  | 'model'
  | 'createdAt'
  | 'updatedAt'
  | 'scheduledAt'
  | 'deadline'
  | 'startedAt'
  | 'completedAt'
  | 'error';

/** A message as clients read it; each protocol puts it into its own JSON. Times are ISO 8601 in UTC. */
export interface MessageView extends Pick<MessageState, Seen> {
  /** The message that this one repeats; null for one of its own. */
  readonly replayOf: string | null;
  /** The content as submitted; for a chat, null (see `messages`). */
  readonly content: string | null;
  readonly messages: readonly unknown[] | null;
  readonly metadata: Record<string, unknown>;
  /** What was found in the content when it was prioritized; null where nobody looked. */
  readonly analysis: Analysis | null;
  readonly result: MessageResult | null;
}

export interface MessageResult extends Pick<StoredResult, 'finishReason' | 'model' | 'endpoint'> {
  /** OpenAI's assistant message: `content`, `tool_calls`, ... */
  readonly answer: { readonly content: string | null } & Record<string, unknown>;
  readonly usage: Usage | null;
}

/** A message with what was asked and the answer that counts, as the reader's query puts them together. */
export interface MessageRow extends StoredMessage {
  readonly request: StoredRequest;
  readonly result: StoredResult | null;
}

export function messageView({ request: asked, result, ...message }: MessageRow): MessageView {
  const { request, metadata, userId, conversationId, analysis, replayOf } = asked;
  return {
    ...message,
    ...{ userId, conversationId, replayOf, metadata, analysis },
    content: request.content ?? null,
    messages: request.messages ?? null,
    result: result && messageResult(result),
  };
}

function messageResult({ answer, finishReason, model, endpoint, ...counts }: StoredResult): MessageResult {
  return { answer, finishReason, model, endpoint, usage: usage(counts) };
}

/** Both counts come from one `usage`, so they are there together or not at all. */
function usage({
  promptTokens,
  completionTokens,
}: Pick<StoredResult, 'promptTokens' | 'completionTokens'>): Usage | null {
  if (promptTokens === null || completionTokens === null) return null;
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens };
}
