import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { costText } from '../../../domain/message/accounting.policy.js';
import {
  USAGE_GROUPS,
  type UsageFilter,
  type UsageGroup,
  type UsageGroupSums,
  type UsageSums,
} from '../../../projection/read/usage-reader.js';
import { identifier, listOrder, type Rule } from '../../../submission/submission-rules.policy.js';
import { instant, instantText } from '../list-messages.dto.js';
import { type ListOrder, PageQueryDto } from '../list-query.dto.js';
import { MayObey } from '../obeys.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const DEFAULT_SPAN_MS = 30 * DAY_MS;

const groups: Rule = (value) =>
  typeof value === 'string' && groupsIn(value) !== null
    ? null
    : `must be one or more of ${USAGE_GROUPS.join(', ')}, separated by commas, each once`;

/** The query of `GET /api/v1/usage`. */
export class UsageQueryDto extends PageQueryDto {
  @ApiPropertyOptional({
    format: 'date-time',
    description:
      'Hours that begin at it or later count. By default the day 30 days before `to`, from its beginning',
  })
  @MayObey(instant)
  from?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Hours that begin before it count. By default now',
  })
  @MayObey(instant)
  to?: string;

  @ApiPropertyOptional({
    default: 'day',
    example: 'day,model',
    description: `One or more of ${USAGE_GROUPS.join(', ')}, separated by commas`,
  })
  @MayObey(groups)
  group_by?: string;

  @ApiPropertyOptional({ description: 'Of this user alone' })
  @MayObey(identifier)
  user?: string;

  @ApiPropertyOptional({ description: 'Of the API key with this name alone' })
  @MayObey(identifier)
  key?: string;

  @ApiPropertyOptional({ description: 'Of this model alone' })
  @MayObey(identifier)
  model?: string;

  @ApiPropertyOptional({ description: 'Of this endpoint alone' })
  @MayObey(identifier)
  endpoint?: string;

  @ApiPropertyOptional({ enum: ['asc', 'desc'], default: 'asc', description: 'By the values of `group_by`' })
  @MayObey(listOrder)
  order?: ListOrder;
}

export class UsageSumsDto {
  @ApiProperty({ description: 'Messages that were completed' }) messages!: number;
  @ApiProperty({ description: 'Summaries of conversations; they are asked for with no key' })
  summaries!: number;
  @ApiProperty() input_tokens!: number;
  @ApiProperty({ description: 'Of the input tokens, as far as endpoints tell' }) cached_tokens!: number;
  @ApiProperty() output_tokens!: number;
  @ApiProperty({ description: 'Of the output tokens, as far as endpoints tell' }) reasoning_tokens!: number;
  @ApiProperty({ example: '0.00042', description: 'In the currency of the prices, as a decimal number' })
  cost!: string;
  @ApiProperty({
    description: 'Messages and summaries whose tokens the service counted, since their endpoint told none',
  })
  estimated_messages!: number;
  @ApiProperty({ description: 'Messages and summaries whose tokens are not known; they count as none' })
  unmetered_messages!: number;
  @ApiProperty({ description: 'Messages and summaries without a price; they cost nothing here' })
  unpriced_messages!: number;
}

const ofGroup = (what: string) => ({ description: `${what}, if \`group_by\` has it` });

export class UsageGroupDto extends UsageSumsDto {
  @ApiPropertyOptional({ format: 'date-time', ...ofGroup('The beginning of the day, in UTC') }) day?: string;
  @ApiPropertyOptional({ format: 'date-time', ...ofGroup('The beginning of the hour') }) hour?: string;
  @ApiPropertyOptional(ofGroup('The user')) user?: string;
  @ApiPropertyOptional({
    ...{ type: String, nullable: true },
    ...ofGroup(
      'The name of the API key; null for summaries, and for messages from before keys were recorded',
    ),
  })
  key?: string | null;
  @ApiPropertyOptional(ofGroup('The model, by the name that clients ask for')) model?: string;
  @ApiPropertyOptional(ofGroup('The endpoint')) endpoint?: string;
}

export class UsageDto {
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ enum: USAGE_GROUPS, isArray: true }) group_by!: string[];
  @ApiProperty({ type: UsageSumsDto, description: 'Of the whole span, all pages together' }) total!: object;
  @ApiProperty({ type: [UsageGroupDto], description: 'By the values of `group_by`, in `order`' })
  data!: object[];
  @ApiProperty({ type: String, nullable: true, description: 'For the next page; null on the last' })
  next_cursor!: string | null;
}

/** Null where it is no list of groups. */
export function groupsIn(text: string): readonly UsageGroup[] | null {
  const names = text.split(',');
  const known = names.every((name) => (USAGE_GROUPS as readonly string[]).includes(name));
  return known && new Set(names).size === names.length ? (names as UsageGroup[]) : null;
}

export function usageFilterOf(tenant: string, query: UsageQueryDto, nowMs: number): UsageFilter {
  const to = instantText(query.to) ?? new Date(nowMs).toISOString();
  const first = Date.parse(to) - DEFAULT_SPAN_MS;
  const { user, key, model, endpoint } = query;
  return {
    ...{ tenant, to, from: instantText(query.from) ?? new Date(first - (first % DAY_MS)).toISOString() },
    ...(user == null ? {} : { user }),
    ...(key == null ? {} : { key }),
    ...(model == null ? {} : { model }),
    ...(endpoint == null ? {} : { endpoint }),
  };
}

export function groupJson({ of, ...sums }: UsageGroupSums): Record<string, unknown> {
  return { ...of, ...(of.key === '' ? { key: null } : {}), ...sumsJson(sums) };
}

export function sumsJson(sums: UsageSums): Record<string, unknown> {
  return {
    messages: sums.messages,
    summaries: sums.summaries,
    input_tokens: sums.inputTokens,
    cached_tokens: sums.cachedTokens,
    output_tokens: sums.outputTokens,
    reasoning_tokens: sums.reasoningTokens,
    cost: costText(sums.costNanos),
    estimated_messages: sums.estimated,
    unmetered_messages: sums.unmetered,
    unpriced_messages: sums.unpriced,
  };
}
