import type { Usage } from '../../../domain/message/message.events.js';
import { failedInStream, malformedAnswer } from './call-errors.js';

/** What counts of one `chat.completion.chunk`, or of a whole `chat.completion`. */
export interface ChatChunk {
  readonly model: string | null;
  readonly usage: Usage | null;
  /** The delta of choice 0 (for a whole completion, its message); null where the chunk has none. */
  readonly delta: Record<string, unknown> | null;
  readonly finishReason: string | null;
}

/**
 * Reads one JSON text of the chat completion protocol, tolerant of fields that servers add or leave out.
 * Choices other than the first are ignored: a message has one answer.
 *
 * @throws {ModelCallError} when it is not such a text, or when it tells an error
 */
export function readChatChunk(text: string, key: string | null): ChatChunk {
  const value = parse(text);
  if (value.error !== undefined && value.error !== null) throw failedInStream(value.error, key);
  const choice = firstChoice(value.choices);
  if (choice === null && !isObject(value.usage) && !Array.isArray(value.choices)) {
    throw malformedAnswer('neither `choices` nor `usage` in it');
  }
  const delta = choice?.delta ?? choice?.message;
  return {
    model: typeof value.model === 'string' && value.model !== '' ? value.model : null,
    usage: readUsage(value.usage),
    delta: isObject(delta) ? delta : null,
    finishReason: typeof choice?.finish_reason === 'string' ? choice.finish_reason : null,
  };
}

function parse(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformedAnswer('not JSON');
  }
  if (!isObject(value)) throw malformedAnswer('not a JSON object');
  return value;
}

function firstChoice(choices: unknown): Record<string, unknown> | null {
  if (!Array.isArray(choices)) return null;
  const first: unknown = choices.find((choice) => isObject(choice) && (choice.index ?? 0) === 0);
  return isObject(first) ? first : null;
}

/** Numbers that are no counts are dropped rather than stored: usage is billed by. */
function readUsage(usage: unknown): Usage | null {
  if (!isObject(usage)) return null;
  const { prompt_tokens, completion_tokens = 0 } = usage;
  return isCount(prompt_tokens) && isCount(completion_tokens) ? { prompt_tokens, completion_tokens } : null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
