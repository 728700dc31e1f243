import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { MAX_PATTERN_LENGTH } from '../../platform/patterns/re2-pattern.js';
import type { Trial } from '../../submission/preprocessor/prioritizer.js';
import type { StoredRule, UserPriority } from '../../submission/preprocessor/tenant-settings.state.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { AnalysisDto } from './message.dto.js';
import { MayObey, Obeys, Wants } from './obeys.js';

export const RULE_KINDS = ['keywords', 'pattern', 'any'] as const;
export const MAX_KEYWORDS = 50;
export const MAX_KEYWORD_LENGTH = 100;
export const MAX_WEIGHT = 1_000;
const MAX_CONDITIONS = 10;
/** No text of a message has more. */
const MOST_TOKENS = 100_000_000;
const MAX_DESCRIPTION_LENGTH = 500;
const MAX_TRIAL_LENGTH = 1024 * 1024;
const RULE_ID = /^[A-Za-z0-9_-]{1,64}$/;

const ruleId: rules.Rule = (value) =>
  typeof value === 'string' && RULE_ID.test(value) ? null : 'must be 1 to 64 letters, digits, - and _';

const kind: rules.Rule = (value) =>
  (RULE_KINDS as readonly unknown[]).includes(value) ? null : `must be one of ${RULE_KINDS.join(', ')}`;

const keywords: rules.Rule = (value) => {
  if (!Array.isArray(value)) return 'must be an array of strings';
  if (value.length > MAX_KEYWORDS) return `must have at most ${MAX_KEYWORDS} keywords`;
  const wrong = value.findIndex((keyword) => !isKeyword(keyword));
  if (wrong === -1) return null;
  return `must hold strings of 1 to ${MAX_KEYWORD_LENGTH} characters that are not all spaces; the one at index ${wrong} is not`;
};

function isKeyword(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '' && value.length <= MAX_KEYWORD_LENGTH;
}

/** Whether it is a regular expression is found out by compiling it. */
const pattern: rules.Rule = (value) =>
  typeof value === 'string' && value.length >= 1 && value.length <= MAX_PATTERN_LENGTH
    ? null
    : `must be a string of 1 to ${MAX_PATTERN_LENGTH} characters`;

const conditions: rules.Rule = (value) => {
  if (!rules.isObject(value)) return 'must be an object';
  const entries = Object.entries(value);
  if (entries.length > MAX_CONDITIONS) return `must have at most ${MAX_CONDITIONS} entries`;
  for (const [key, wanted] of entries) {
    const problem = rules.identifier(key);
    if (problem !== null) return `has the key ${JSON.stringify(key.slice(0, 40))}, and a key ${problem}`;
    if (!isCondition(wanted)) {
      return `must hold texts of at most ${rules.MAX_IDENTIFIER_LENGTH} characters, numbers, true or false; ${JSON.stringify(key.slice(0, 40))} is none of them`;
    }
  }
  return null;
};

function isCondition(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= rules.MAX_IDENTIFIER_LENGTH;
  return typeof value === 'boolean' || Number.isFinite(value);
}

const weight: rules.Rule = (value) =>
  typeof value === 'number' && value > 0 && value <= MAX_WEIGHT
    ? null
    : `must be a number above 0 and at most ${MAX_WEIGHT}`;

const description: rules.Rule = (value) =>
  typeof value === 'string' && value.length <= MAX_DESCRIPTION_LENGTH
    ? null
    : `must be a string of at most ${MAX_DESCRIPTION_LENGTH} characters`;

const trialContent: rules.Rule = (value) =>
  typeof value === 'string' && value.length <= MAX_TRIAL_LENGTH
    ? null
    : `must be a string of at most ${MAX_TRIAL_LENGTH} characters`;

/** A change of a rule: what is absent stays as it is. */
export class ChangeRuleDto {
  @ApiPropertyOptional({ enum: RULE_KINDS })
  @MayObey(kind)
  kind?: (typeof RULE_KINDS)[number] | null;

  @ApiPropertyOptional({
    type: [String],
    description: 'For `keywords`: whole words, upper or lower case. One match is enough',
    example: ['urgent', '紧急'],
  })
  @MayObey(keywords)
  keywords?: string[] | null;

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_PATTERN_LENGTH,
    description: "For `pattern`: a regular expression in RE2's syntax; `(?i)` ignores case",
  })
  @MayObey(pattern)
  pattern?: string | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] },
    description: 'What entries of the message\'s metadata must be. The type counts: `true` is not `"true"`',
    example: { vip: true },
  })
  @MayObey(conditions)
  metadata?: Record<string, string | number | boolean> | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'The least tokens of all text of the message',
  })
  @MayObey(rules.wholeNumber(0, MOST_TOKENS))
  min_tokens?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'The most tokens of all text of the message',
  })
  @MayObey(rules.wholeNumber(0, MOST_TOKENS))
  max_tokens?: number | null;

  @ApiPropertyOptional({ enum: LANES })
  @MayObey(rules.priority)
  priority?: Lane | null;

  @ApiPropertyOptional({
    type: Number,
    format: 'double',
    maximum: MAX_WEIGHT,
    description: 'The priority with the largest sum of weights wins; 1 when absent',
  })
  @MayObey(weight)
  weight?: number | null;

  @ApiPropertyOptional({ type: String, maxLength: MAX_DESCRIPTION_LENGTH })
  @MayObey(description)
  description?: string | null;
}

@Wants('priority')
export class NewRuleDto extends ChangeRuleDto {
  @ApiPropertyOptional({ type: String, description: 'An id of your choice; generated when absent' })
  @MayObey(ruleId)
  id?: string | null;
}

/** A text to try the rules on. Nothing of it is stored. */
export class TryRulesDto {
  @ApiProperty({ example: 'The server is down, please help asap!' })
  @Obeys(trialContent)
  content!: string;

  @ApiPropertyOptional({
    type: String,
    description: 'The user whose default priority counts; none when absent',
  })
  @MayObey(rules.identifier)
  user_id?: string | null;

  @ApiPropertyOptional({ enum: LANES })
  @MayObey(rules.priority)
  priority?: Lane | null;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @MayObey(rules.metadata)
  metadata?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: NewRuleDto,
    description:
      'A rule that is not stored. It is tried together with the stored rules, in place of the one with its id',
  })
  @MayObey((value) => (rules.isObject(value) ? null : 'must be an object'))
  rule?: object | null;
}

export class SetUserPriorityDto {
  @ApiProperty({ enum: LANES })
  @Obeys(rules.priority)
  priority!: Lane;
}

export class RuleDto {
  @ApiProperty() id!: string;
  @ApiProperty({ enum: RULE_KINDS }) kind!: string;
  @ApiProperty({ type: [String] }) keywords!: string[];
  @ApiProperty({ type: String, nullable: true }) pattern!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata!: Record<string, unknown>;
  @ApiProperty({ type: 'integer', nullable: true }) min_tokens!: number | null;
  @ApiProperty({ type: 'integer', nullable: true }) max_tokens!: number | null;
  @ApiProperty({ enum: LANES }) priority!: string;
  @ApiProperty({ format: 'double' }) weight!: number;
  @ApiProperty() description!: string;
  @ApiProperty({ description: 'Delivered with the service or its configuration file, and unchanged' })
  builtin!: boolean;
  @ApiProperty({ type: String, nullable: true }) updated_by!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) updated_at!: string | null;
}

export class RuleListDto {
  @ApiProperty({ type: [RuleDto] }) data!: RuleDto[];
}

export class UserPriorityDto {
  @ApiProperty() user_id!: string;
  @ApiProperty({ enum: LANES }) priority!: string;
  @ApiProperty() updated_by!: string;
  @ApiProperty({ format: 'date-time' }) updated_at!: string;
}

export class UserPriorityListDto {
  @ApiProperty({ type: [UserPriorityDto] }) data!: UserPriorityDto[];
}

class MatchedRuleDto {
  @ApiProperty() id!: string;
  @ApiProperty({ enum: LANES }) priority!: string;
  @ApiProperty({ format: 'double' }) weight!: number;
}

export class TrialDto {
  @ApiProperty({ enum: LANES }) priority!: string;
  @ApiProperty({ example: 'rule:urgent-en' }) priority_reason!: string;
  @ApiProperty({ type: AnalysisDto }) analysis!: AnalysisDto;
  @ApiProperty({ type: [MatchedRuleDto] }) matched_rules!: MatchedRuleDto[];
}

export function ruleJson({ rule, changed }: StoredRule): Record<string, unknown> {
  return {
    ...{ metadata: {}, min_tokens: null, max_tokens: null, ...rule },
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
