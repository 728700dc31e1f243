import type { MessageCompleted, Usage } from '../../domain/message/message.events.js';
import type { AcceptedMessage } from '../../submission/submission.js';
import { tierOfLane } from './service-tier.policy.js';

/** What all chunks of one completion, and the completion itself, share. */
export interface CompletionFrame {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
  readonly service_tier: string;
}

/** @param model as asked for; the endpoint's own name for it comes with the answer */
export function completionFrame(accepted: AcceptedMessage, model: string): CompletionFrame {
  return {
    id: `chatcmpl-${accepted.id}`,
    created: Math.floor(Date.parse(accepted.createdAt) / 1_000),
    model,
    service_tier: tierOfLane(accepted.priority),
  };
}

/** OpenAI's `chat.completion`. */
export function completionJson(frame: CompletionFrame, { data }: MessageCompleted): Record<string, unknown> {
  const { id, created, service_tier } = frame;
  const message = { refusal: null, ...data.answer, role: 'assistant' };
  return {
    id,
    object: 'chat.completion',
    created,
    model: data.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: data.finish_reason ?? 'stop' }],
    ...(data.usage === null ? {} : { usage: usageJson(data.usage) }),
    service_tier,
  };
}

export interface ChunkContent {
  readonly delta?: Readonly<Record<string, unknown>>;
  readonly finishReason?: string;
  /** Where asked for: null on every chunk but the last, which has no choices. */
  readonly usage?: Usage | null;
}

/** OpenAI's `chat.completion.chunk`. */
export function chunkJson(frame: CompletionFrame, content: ChunkContent): Record<string, unknown> {
  const { id, created, model, service_tier } = frame;
  const choice = {
    index: 0,
    delta: content.delta ?? {},
    logprobs: null,
    finish_reason: content.finishReason ?? null,
  };
  return {
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    service_tier,
    choices: content.delta === undefined && content.finishReason === undefined ? [] : [choice],
    ...(content.usage === undefined
      ? {}
      : { usage: content.usage === null ? null : usageJson(content.usage) }),
  };
}

function usageJson({ prompt_tokens, completion_tokens }: Usage): Record<string, number> {
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
