import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { InvalidPatternError } from '../../platform/patterns/re2-pattern.js';
import { compileRule } from '../../submission/preprocessor/compiled-rule.js';
import { kindOf } from '../../submission/preprocessor/configured-rules.policy.js';
import { hasConditions } from '../../submission/preprocessor/rule-conditions.policy.js';
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
  const conditions = conditionsOf(dto, before);
  const kind = dto.kind ?? before?.kind ?? impliedKind(dto, conditions);
  const keywords = dto.keywords ?? before?.keywords ?? [];
  const pattern = dto.pattern ?? before?.pattern ?? null;
  const priority = dto.priority ?? before?.priority;
  if (priority === undefined) throw invalidFields([{ field: 'priority', reason: 'is missing' }]);
  const rule: PriorityRule = {
    ...{ id, kind, priority, ...conditions },
    keywords: kind === 'keywords' ? keywords : [],
    pattern: kind === 'pattern' ? pattern : null,
    weight: dto.weight ?? before?.weight ?? DEFAULT_WEIGHT,
    description: dto.description ?? before?.description ?? '',
  };
  const problem = whatIsMissing(rule) ?? crossed(rule) ?? beside(rule, dto) ?? whatDoesNotCompile(rule);
  if (problem !== null) throw invalidFields([problem]);
  return rule;
}

/** Conditions alone make a rule for any text; who gives nothing at all has forgotten the words. */
function impliedKind(dto: ChangeRuleDto, conditions: Conditions): PriorityRule['kind'] {
  const kind = kindOf(dto);
  return kind === 'any' && !hasConditions(conditions) ? 'keywords' : kind;
}

type Conditions = Pick<PriorityRule, 'metadata' | 'min_tokens' | 'max_tokens'>;

/** What is null asks for nothing any more; what is absent stays as it was. */
function conditionsOf(dto: ChangeRuleDto, before: PriorityRule | null): Conditions {
  const { metadata, min_tokens, max_tokens } = { ...before, ...present(dto) };
  return {
    ...(metadata == null || Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(min_tokens == null ? {} : { min_tokens }),
    ...(max_tokens == null ? {} : { max_tokens }),
  };
}

function present(dto: ChangeRuleDto): Pick<ChangeRuleDto, 'metadata' | 'min_tokens' | 'max_tokens'> {
  const { metadata, min_tokens, max_tokens } = dto;
  const fields = Object.entries({ metadata, min_tokens, max_tokens });
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

function crossed({ min_tokens: least, max_tokens: most }: PriorityRule): FieldProblem | null {
  if (least === undefined || most === undefined || least <= most) return null;
  return { field: 'min_tokens', reason: 'must not be above max_tokens' };
}

function whatIsMissing(rule: PriorityRule): FieldProblem | null {
  const { kind, keywords, pattern } = rule;
  if (kind === 'any' && !hasConditions(rule)) {
    return {
      field: 'metadata',
      reason: 'is missing; a rule of the kind any needs it, or min_tokens or max_tokens',
    };
  }
  if (kind === 'keywords' && keywords.length === 0) {
    return {
      field: 'keywords',
      reason: 'is missing; give at least one, or a pattern, metadata or a number of tokens',
    };
  }
  return kind === 'pattern' && pattern === null ? { field: 'pattern', reason: 'is missing' } : null;
}

/** A field that the rule would not use was meant to be used. */
function beside({ kind }: PriorityRule, dto: ChangeRuleDto): FieldProblem | null {
  if (kind !== 'pattern' && dto.pattern != null) {
    return { field: 'pattern', reason: `must be absent in a rule of the kind ${kind}` };
  }
  const unused = kind !== 'keywords' && dto.keywords != null && dto.keywords.length > 0;
  return unused ? { field: 'keywords', reason: `must be absent in a rule of the kind ${kind}` } : null;
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
