import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { LANES } from '../../domain/message/lane.policy.js';
import type { RuleChoice } from '../../domain/message/prioritize.decision.js';

/**
 * Of the rules that match, the priority with the largest sum of weights wins, and of equal sums the more urgent one.
 * The weightiest of its rules is named as the reason; of equal ones, the first by its id.
 */
export function weighRules(matched: readonly PriorityRule[]): RuleChoice | null {
  const sums = LANES.map((lane) => ({ lane, sum: sumOf(matched, lane) }));
  const winner = sums.reduce((best, each) => (each.sum > best.sum ? each : best));
  const [rule] = matched.filter(({ priority }) => priority === winner.lane).sort(byWeight);
  return rule === undefined ? null : { id: rule.id, priority: winner.lane };
}

function sumOf(matched: readonly PriorityRule[], lane: string): number {
  return matched.reduce((sum, { priority, weight }) => (priority === lane ? sum + weight : sum), 0);
}

function byWeight(a: PriorityRule, b: PriorityRule): number {
  return b.weight - a.weight || (a.id < b.id ? -1 : 1);
}
