import { exceeds } from '../../../platform/json/json-nesting.policy.js';

/** The whole answer becomes one event, which must fit into one message of the broker (8 MiB by default) with room to spare. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Of one text of JSON: escapes, and fields that are not kept, make it longer than the answer in it. */
export const MAX_JSON_LENGTH = 2 * MAX_ANSWER_BYTES;
/** Of a whole stream: each token comes in some hundred bytes of frame. */
export const MAX_STREAM_BYTES = 256 * 1024 * 1024;
/** The longest answers of models have some hundred thousand tokens. */
export const MAX_EVENTS = 500_000;
/** Fields and list items that are held of one answer. */
export const MAX_ENTRIES = 500_000;
export const MAX_CHOICES = 128;
/** A name that clients ask for is no longer either. */
export const MAX_MODEL_LENGTH = 256;
export const MAX_TOOL_CALLS = 4_096;
/** As deep as a request may nest. */
export const MAX_LEVELS = 64;
/** Time that this process spends on reading one answer, most of which any answer needs a thousandth of. */
export const MAX_READING_MS = 15_000;

/** A shorter text costs little whatever its structure is; what is kept of it is looked at afterwards. */
const SHORT = 16 * 1024;

/** Whether parsing a text would cost more than its length lets expect. */
export function isCostlyJson(text: string): boolean {
  if (text.length <= SHORT) return false;
  return exceeds(Buffer.from(text), { levels: MAX_LEVELS + 8, entries: 2 * MAX_ENTRIES });
}

export function isTooDeep(value: unknown, levels = MAX_LEVELS): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isTooDeep(item, levels - 1));
  for (const name in value) {
    if (isTooDeep((value as Record<string, unknown>)[name], levels - 1)) return true;
  }
  return false;
}
