import type { CallKind, MessageCompleted, Usage } from '../../domain/message/message.events.js';
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

/** One of the answers that a request gets (`n`), in OpenAI's words. */
export interface AnsweredChoice {
  readonly index: number;
  /** The assistant's message. */
  readonly message: Readonly<Record<string, unknown>> & { readonly content?: unknown };
  readonly finish_reason: string;
  readonly logprobs: unknown;
  /** What else the endpoint said of this choice. */
  readonly more: Readonly<Record<string, unknown>>;
}

/** As `extra.choices` of the event keeps what the first answer alone can't hold. */
interface KeptChoice extends Readonly<Record<string, unknown>> {
  readonly index: number;
  readonly message?: Readonly<Record<string, unknown>>;
  readonly finish_reason?: string | null;
  readonly logprobs?: unknown;
}

/** All answers of a message, the first one first. */
export function choicesOf({ data }: MessageCompleted): AnsweredChoice[] {
  const kept = keptChoices(data.extra?.['choices']);
  const first = kept.find(({ index }) => index === 0) ?? { index: 0 };
  const others = kept.filter(({ index }) => index !== 0).sort((one, other) => one.index - other.index);
  const { answer, finish_reason } = data;
  return [{ ...first, message: answer, finish_reason }, ...others].map((choice) => {
    const { index, message = {}, finish_reason: reason, logprobs = null, ...more } = choice as KeptChoice;
    return { index, message, finish_reason: reason ?? 'stop', logprobs, more };
  });
}

function keptChoices(choices: unknown): readonly KeptChoice[] {
  if (!Array.isArray(choices)) return [];
  return choices.filter((choice) => typeof choice?.index === 'number');
}

/** What else the endpoint said, beside its choices. */
export function extraOf({ data }: MessageCompleted): Record<string, unknown> {
  const { choices: _, ...extra } = data.extra ?? {};
  return extra;
}

/** The details come from the endpoint; the sum is made where it did not give one. */
export function usageJson(usage: Usage): Record<string, unknown> {
  const { prompt_tokens, completion_tokens, total_tokens, ...details } = usage;
  const total = typeof total_tokens === 'number' ? total_tokens : prompt_tokens + completion_tokens;
  return { prompt_tokens, completion_tokens, total_tokens: total, ...details };
}
