import type { PriorityRule } from '../../domain/admin/admin.events.js';

/** A rule as the configuration file has it: what it looks at says of which kind it is. */
export interface ConfiguredRule extends Omit<PriorityRule, 'kind' | 'keywords' | 'pattern' | 'metadata'> {
  readonly keywords: readonly string[];
  readonly pattern?: string;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

export function ruleOfFile({ keywords, pattern, metadata, ...rule }: ConfiguredRule): PriorityRule {
  return {
    ...rule,
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    kind: kindOf({ keywords, pattern }),
    keywords: [...keywords],
    pattern: pattern ?? null,
  };
}

/** What a rule that does not say it looks at. */
export function kindOf(rule: {
  readonly keywords?: readonly string[] | null;
  readonly pattern?: string | null;
}): PriorityRule['kind'] {
  if (rule.pattern != null) return 'pattern';
  return rule.keywords == null || rule.keywords.length === 0 ? 'any' : 'keywords';
}
