import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { compileRule, InvalidPatternError } from '../../submission/preprocessor/compiled-rule.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import type { ChangeRuleDto } from './admin-preprocessor.dto.js';

const DEFAULT_WEIGHT = 1;

/**
 * The rule that a request describes, complete and compiled once to know that it can be.
 *
 * @param before what stays where the request says nothing; null for a rule described as a whole
 * @throws {RefusedError} `invalid_fields`
 */
export function ruleOf(id: string, dto: ChangeRuleDto, before: PriorityRule | null): PriorityRule {
  const kind = dto.kind ?? before?.kind ?? (dto.pattern == null ? 'keywords' : 'pattern');
  const keywords = dto.keywords ?? before?.keywords ?? [];
  const pattern = dto.pattern ?? before?.pattern ?? null;
  const priority = dto.priority ?? before?.priority;
  if (priority === undefined) throw invalidFields([{ field: 'priority', reason: 'is missing' }]);
  const rule: PriorityRule = {
    ...{ id, kind, priority },
    keywords: kind === 'keywords' ? keywords : [],
    pattern: kind === 'pattern' ? pattern : null,
    weight: dto.weight ?? before?.weight ?? DEFAULT_WEIGHT,
    description: dto.description ?? before?.description ?? '',
  };
  const problem = whatIsMissing(rule) ?? beside(rule, dto) ?? whatDoesNotCompile(rule);
  if (problem !== null) throw invalidFields([problem]);
  return rule;
}

function whatIsMissing({ kind, keywords, pattern }: PriorityRule): FieldProblem | null {
  if (kind === 'keywords' && keywords.length === 0) {
    return { field: 'keywords', reason: 'is missing; give at least one, or a pattern' };
  }
  return kind === 'pattern' && pattern === null ? { field: 'pattern', reason: 'is missing' } : null;
}

/** A field that the rule would not use was meant to be used. */
function beside({ kind }: PriorityRule, dto: ChangeRuleDto): FieldProblem | null {
  if (kind === 'keywords' && dto.pattern != null) {
    return { field: 'pattern', reason: 'must be absent in a rule of the kind keywords' };
  }
  const unused = kind === 'pattern' && dto.keywords != null && dto.keywords.length > 0;
  return unused ? { field: 'keywords', reason: 'must be absent in a rule of the kind pattern' } : null;
}

function whatDoesNotCompile(rule: PriorityRule): FieldProblem | null {
  try {
    compileRule(rule);
    return null;
  } catch (error) {
    if (error instanceof InvalidPatternError) return { field: 'pattern', reason: error.message };
    throw error;
  }
}
