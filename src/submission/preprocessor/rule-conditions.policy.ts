import type { PriorityRule } from '../../domain/admin/admin.events.js';

/** What of a message rules look at beside its words. */
export interface RuleSubject {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Of all its text, as the analysis counts them. */
  readonly tokens: number;
}

/**
 * Whether all that the rule asks of metadata and length is so. A value is the same if its type is: `"true"` is not
 * `true`, since it is up to clients what they write.
 */
export function meetsConditions(
  { metadata = {}, min_tokens: least, max_tokens: most }: PriorityRule,
  message: RuleSubject,
): boolean {
  if (least !== undefined && message.tokens < least) return false;
  if (most !== undefined && message.tokens > most) return false;
  return Object.entries(metadata).every(
    ([key, value]) => Object.hasOwn(message.metadata, key) && message.metadata[key] === value,
  );
}

/** Whether the rule asks anything of metadata or length. */
export function hasConditions({
  metadata = {},
  min_tokens,
  max_tokens,
}: Pick<PriorityRule, 'metadata' | 'min_tokens' | 'max_tokens'>): boolean {
  return Object.keys(metadata).length > 0 || min_tokens !== undefined || max_tokens !== undefined;
}
