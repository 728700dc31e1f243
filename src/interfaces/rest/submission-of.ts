import type { ModelRequest } from '../../domain/message/message.events.js';
import type { TimingRequest } from '../../domain/message/schedule.decision.js';
import { invalidFields } from '../../submission/refusal.js';
import { routingOf } from '../../submission/routing.policy.js';
import type { Submission } from '../../submission/submission.js';
import { durationMs } from './duration.policy.js';
import { instantOf } from './instant.policy.js';
import type { SubmitMessageDto } from './submit-message.dto.js';

/**
 * @throws {RefusedError} `invalid_fields`, for a message with neither content nor a chat, or with both, and for a word on
 *   double texting outside of a conversation
 */
export function submissionOf(dto: SubmitMessageDto): Submission {
  if (dto.double_texting != null && dto.conversation_id == null) {
    throw invalidFields([{ field: 'double_texting', reason: 'has no meaning without conversation_id' }]);
  }
  return {
    userId: dto.user_id,
    conversationId: dto.conversation_id ?? null,
    doubleTexting: dto.double_texting ?? undefined,
    request: requestOf(dto),
    requestedPriority: dto.priority ?? null,
    metadata: dto.metadata ?? {},
    replayOf: dto.replay_of?.toLowerCase(),
    maxRetries: dto.max_retries ?? undefined,
    timeoutMs: dto.timeout_ms ?? undefined,
    backoff: dto.retry_backoff ?? undefined,
    callbackUrl: dto.callback_url ?? undefined,
    timing: timingOf(dto),
    stream: false,
    source: 'rest',
  };
}

/** Absent for most messages, which are due at once and never too late. */
function timingOf({ delay, scheduled_at, ttl, deadline }: SubmitMessageDto): TimingRequest | undefined {
  if (delay == null && scheduled_at == null && ttl == null && deadline == null) return undefined;
  return {
    delayMs: durationMs(delay),
    scheduledAt: scheduled_at == null ? null : instantOf(scheduled_at),
    ttlMs: durationMs(ttl),
    deadline: deadline == null ? null : instantOf(deadline),
  };
}

/** The fields that say what is asked; a message has one of them. */
const ASKED = ['content', 'messages', 'prompt', 'input'] as const;

function requestOf(dto: SubmitMessageDto): ModelRequest {
  const { content, messages, prompt, input, model, fallbacks, failover, routing } = dto;
  const [asked, another] = ASKED.filter((field) => dto[field] != null);
  if (another !== undefined) {
    throw invalidFields([{ field: another, reason: `must be absent if there is ${asked}` }]);
  }
  if (dto.conversation_id != null && (asked === 'prompt' || asked === 'input')) {
    throw invalidFields([
      { field: asked, reason: 'must be absent in a conversation, whose turns are chats' },
    ]);
  }
  const parameters = dto.parameters ?? {};
  const rest = { model: model ?? null, parameters, ...routingOf({ fallbacks, failover, ...routing }) };
  if (content != null) return { content, ...rest };
  if (messages != null) return { messages, ...rest };
  if (prompt != null) return { ...rest, kind: 'completion', parameters: { ...parameters, prompt } };
  if (input != null) return { ...rest, kind: 'embeddings', parameters: { ...parameters, input } };
  throw invalidFields([{ field: 'content', reason: 'is missing; give content, or messages for a chat' }]);
}
