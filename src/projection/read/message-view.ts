import type {
  Analysis,
  CallKind,
  LargeParts,
  ModelRequest,
  Usage,
} from '../../domain/message/message.events.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { StoredMessage, StoredRequest, StoredResult } from '../tables/message.tables.js';

/** What clients see of a message's state. */
type Seen =
  | 'id'
  | 'tenant'
  | 'userId'
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
  /** As clients know it. */
  readonly conversationId: string | null;
  /** The message that this one repeats; null for one of its own. */
  readonly replayOf: string | null;
  readonly kind: CallKind;
  /** The content as submitted; for a chat, null (see `messages`). */
  readonly content: string | null;
  readonly messages: readonly unknown[] | null;
  /** Of a completion: the text to go on with, several, or their tokens. */
  readonly prompt?: unknown;
  /** What embeddings are wanted of. */
  readonly input?: unknown;
  /** How it was asked, beside what was. */
  readonly asked: Pick<ModelRequest, 'model' | 'parameters' | 'instructions' | 'behind' | 'response'>;
  readonly metadata: Record<string, unknown>;
  /** What was found in the content when it was prioritized; null where nobody looked. */
  readonly analysis: Analysis | null;
  readonly result: MessageResult | null;
  /** What of `content` or `messages` lies in the object store, an empty text in its place; null where nothing does. */
  readonly large: LargeParts | null;
  /** What was asked and answered has been erased. */
  readonly contentErased: boolean;
}

export interface MessageResult
  extends Pick<
    StoredResult,
    'finishReason' | 'otherChoices' | 'model' | 'endpoint' | 'costNanos' | 'history'
  > {
  /** OpenAI's assistant message: `content`, `tool_calls`, ... */
  readonly answer: { readonly content: string | null } & Record<string, unknown>;
  /** With `estimated: true` where the service counted. */
  readonly usage: Usage | null;
}

/** A message with what was asked and the answer that counts, as the reader's query puts them together. */
export interface MessageRow extends StoredMessage {
  readonly request: StoredRequest;
  readonly result: StoredResult | null;
}

export function messageView({ request: asked, result, ...message }: MessageRow): MessageView {
  const { request, metadata, userId, analysis, replayOf } = asked;
  const conversationId = asked.conversationGivenId ?? asked.conversationId;
  return {
    ...message,
    ...{ userId, conversationId, replayOf, metadata, analysis },
    kind: request.kind ?? 'chat',
    content: request.content ?? null,
    messages: request.messages ?? null,
    asked: request,
    large: request.large ?? null,
    contentErased: request.erased === true,
    ...(request.kind === 'completion' ? { prompt: request.parameters['prompt'] } : {}),
    ...(request.kind === 'embeddings' ? { input: request.parameters['input'] } : {}),
    result: result && messageResult(result),
  };
}

function messageResult(stored: StoredResult): MessageResult {
  const { answer, finishReason, otherChoices, model, endpoint, costNanos, history } = stored;
  return { answer, finishReason, otherChoices, model, endpoint, usage: usageIn(stored), costNanos, history };
}

/** As the endpoint told it; without that the counts, which come from one estimate, so both are there or none. */
function usageIn({
  usage,
  promptTokens,
  completionTokens,
  estimated,
}: Pick<StoredResult, 'usage' | 'promptTokens' | 'completionTokens' | 'estimated'>): Usage | null {
  if (usage !== null) return usage;
  if (promptTokens === null || completionTokens === null) return null;
  const counts = { prompt_tokens: promptTokens, completion_tokens: completionTokens };
  return estimated === true ? { ...counts, estimated: true } : counts;
}
