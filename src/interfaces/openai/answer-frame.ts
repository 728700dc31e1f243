import type { CallKind, HistoryNote, MessageCompleted, Usage } from '../../domain/message/message.events.js';
import type { AcceptedMessage } from '../../submission/submission.js';
import { tierOfLane } from './service-tier.policy.js';

/** What all chunks of one answer, and the whole answer itself, share. */
export interface AnswerFrame {
  readonly kind: CallKind;
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
  readonly service_tier: string;
}

export type StreamedFrame = AnswerFrame & { readonly kind: Exclude<CallKind, 'embeddings'> };

const ID_PREFIXES: Readonly<Record<CallKind, string>> = {
  chat: 'chatcmpl-',
  completion: 'cmpl-',
  embeddings: 'embd-',
};

/** @param model as asked for; another one that answered is named by the pieces and the end */
export function answerFrame(kind: CallKind, accepted: AcceptedMessage, model: string): AnswerFrame {
  return {
    kind,
    id: `${ID_PREFIXES[kind]}${accepted.id}`,
    created: Math.floor(Date.parse(accepted.createdAt) / 1_000),
    model,
    service_tier: tierOfLane(accepted.priority),
  };
}

/** What else the endpoint said, beside its choices, and what the service has to say of the answer. */
export function extraOf({ data }: MessageCompleted): Record<string, unknown> {
  const { choices: _, ...extra } = data.extra ?? {};
  if (data.history == null) return extra;
  return { ...extra, metadata: { ...(extra['metadata'] as object | null), ...historyNote(data.history) } };
}

/** In `metadata`, whose values are texts for OpenAI's clients. */
function historyNote({ exceeds, tokens, max_tokens }: HistoryNote): Record<string, string> {
  return { llmq_history: exceeds ? 'exceeds' : 'left_out', llmq_tokens: `${tokens}/${max_tokens}` };
}

export interface AnswerUsage {
  readonly usage: Usage;
  /** Counted by the service, since the endpoint told none. */
  readonly estimated: boolean;
}

/** What the message used; null where nobody knows. */
export function usageOf({ data: { usage, accounting } }: MessageCompleted): AnswerUsage | null {
  if (usage !== null) return { usage, estimated: false };
  if (accounting == null) return null;
  const { input_tokens: prompt_tokens, output_tokens: completion_tokens } = accounting;
  return { usage: { prompt_tokens, completion_tokens }, estimated: true };
}

/**
 * The details come from the endpoint; the sum is made where it did not give one. That it is an estimate is said beside it:
 * clients add up whatever is in `usage`.
 */
export function usageJson({ usage, estimated }: AnswerUsage): Record<string, unknown> {
  const { prompt_tokens, completion_tokens, total_tokens, ...details } = usage;
  const total = typeof total_tokens === 'number' ? total_tokens : prompt_tokens + completion_tokens;
  return {
    usage: { prompt_tokens, completion_tokens, total_tokens: total, ...details },
    ...(estimated ? { llmq_usage: 'estimated' } : {}),
  };
}
