import type { Usage } from '../../../domain/message/message.events.js';

const COUNTS: ReadonlySet<string> = new Set(['prompt_tokens', 'completion_tokens', 'total_tokens']);

/** No call uses more. What is told beyond it would spoil sums and budgets. */
const MAX_TOKENS = 2 ** 31 - 1;

/** Details beyond this are no counts of tokens. */
const MAX_LENGTH = 8 * 1024;

/**
 * The tokens used, with all details that are given of them. Numbers that are no counts are dropped rather than stored:
 * usage is billed by.
 */
export function readUsage(value: unknown): Usage | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const usage = value as Record<string, unknown>;
  const prompt_tokens = usage['prompt_tokens'] ?? usage['input_tokens'];
  const completion_tokens = usage['completion_tokens'] ?? usage['output_tokens'] ?? 0;
  if (!isCount(prompt_tokens) || !isCount(completion_tokens)) return null;
  const { total_tokens } = usage;
  const counts = isCount(total_tokens)
    ? { prompt_tokens, completion_tokens, total_tokens }
    : { prompt_tokens, completion_tokens };
  const details = detailsIn(usage);
  if (details === null) return counts;
  return isShortJson(details) ? { ...details, ...counts } : counts;
}

/** Null for none, which is what most servers give. */
function detailsIn(usage: Record<string, unknown>): Record<string, unknown> | null {
  let details: Record<string, unknown> | null = null;
  for (const name in usage) {
    if (COUNTS.has(name) || name === '__proto__') continue;
    details ??= {};
    details[name] = usage[name];
  }
  return details;
}

function isShortJson(details: object): boolean {
  try {
    return JSON.stringify(details).length <= MAX_LENGTH;
  } catch {
    // It nests too deeply to be written.
    return false;
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS;
}
