import type { MessageCompleted } from './message.events.js';

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
export function choicesOf({ data }: Pick<MessageCompleted, 'data'>): AnsweredChoice[] {
  const { answer, finish_reason } = data;
  const kept = keptChoices(data.extra?.['choices']);
  // As nearly every answer is.
  if (kept.length === 0) {
    return [{ index: 0, message: answer, finish_reason: finish_reason ?? 'stop', logprobs: null, more: {} }];
  }
  const first = kept.find(({ index }) => index === 0) ?? { index: 0 };
  const others = kept.filter(({ index }) => index !== 0).sort((one, other) => one.index - other.index);
  return [{ ...first, message: answer, finish_reason }, ...others].map((choice) => {
    const { index, message = {}, finish_reason: reason, logprobs = null, ...more } = choice as KeptChoice;
    return { index, message, finish_reason: reason ?? 'stop', logprobs, more };
  });
}

function keptChoices(choices: unknown): readonly KeptChoice[] {
  if (!Array.isArray(choices)) return [];
  return choices.filter((choice) => typeof choice?.index === 'number');
}
