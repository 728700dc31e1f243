import type { Trial } from '../../submission/preprocessor/prioritizer.js';
import type { StoredRule, UserPriority } from '../../submission/preprocessor/tenant-settings.state.js';

export function ruleJson({ rule, changed }: StoredRule): Record<string, unknown> {
  return {
    ...rule,
    builtin: changed === null,
    updated_by: changed?.by ?? null,
    updated_at: changed?.at ?? null,
  };
}

export function userPriorityJson({ userId, priority, changed }: UserPriority): Record<string, unknown> {
  return { user_id: userId, priority, updated_by: changed.by, updated_at: changed.at };
}

export function trialJson({ prioritization, analysis, matched }: Trial): Record<string, unknown> {
  return {
    priority: prioritization.priority,
    priority_reason: prioritization.reason,
    analysis,
    matched_rules: matched.map(({ id, priority, weight }) => ({ id, priority, weight })),
  };
}
