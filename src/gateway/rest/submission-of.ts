import type { ModelRequest } from '../../message/message.events.js';
import { invalidFields } from '../http/refused.error.js';
import type { Submission } from '../submission.js';
import type { SubmitMessageDto } from './submit-message.dto.js';

/** @throws {RefusedError} `invalid_fields`, for a message with neither content nor a chat, or with both */
export function submissionOf(dto: SubmitMessageDto): Submission {
  return {
    userId: dto.user_id,
    conversationId: dto.conversation_id ?? null,
    request: requestOf(dto),
    requestedPriority: dto.priority ?? null,
    metadata: dto.metadata ?? {},
    replayOf: dto.replay_of?.toLowerCase(),
    maxRetries: dto.max_retries ?? undefined,
    timeoutMs: dto.timeout_ms ?? undefined,
    stream: false,
    source: 'rest',
  };
}

function requestOf({ content, messages, model, parameters }: SubmitMessageDto): ModelRequest {
  const rest = { model: model ?? null, parameters: parameters ?? {} };
  if (content != null && messages != null) {
    throw invalidFields([{ field: 'messages', reason: 'must not be there beside content' }]);
  }
  if (content != null) return { content, ...rest };
  if (messages != null) return { messages, ...rest };
  throw invalidFields([{ field: 'content', reason: 'is missing; give content, or messages for a chat' }]);
}
