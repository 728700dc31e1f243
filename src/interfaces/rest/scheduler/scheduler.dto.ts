import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ACTUATOR_KINDS,
  SCALE_STRATEGY_NAMES,
  type SchedulerChanges,
} from '../../../domain/admin/scale.events.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import type { KeptDecision } from '../../../scheduler/scale-decisions.js';
import { priority } from '../../../submission/submission-rules.policy.js';
import { ListQueryDto } from '../list-query.dto.js';
import { MayObey } from '../obeys.js';
import * as rules from './scheduler-rules.policy.js';

const nullableCount = { type: Number, nullable: true } as const;
const nullableNumber = { ...nullableCount, format: 'double' } as const;
const nullableTime = { type: String, format: 'date-time', nullable: true } as const;
const nullableText = { type: String, nullable: true } as const;
const share = { type: Number, format: 'double' } as const;

/** The body of `PUT /api/v1/scheduler`: what differs from the configuration. */
export class SchedulerChangesDto {
  @ApiPropertyOptional({ type: Boolean, description: 'Whether sizes are decided at all' })
  @MayObey(rules.flag)
  enabled?: boolean | null;

  @ApiPropertyOptional({ type: Boolean, description: 'Decide and tell, and order nothing' })
  @MayObey(rules.flag)
  dry_run?: boolean | null;

  @ApiPropertyOptional({ enum: SCALE_STRATEGY_NAMES })
  @MayObey(rules.strategy)
  strategy?: (typeof SCALE_STRATEGY_NAMES)[number] | null;

  @ApiPropertyOptional({ type: Number, maximum: rules.MOST_SLOTS, description: 'Of all models together' })
  @MayObey(rules.slots)
  min_slots?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: rules.MOST_SLOTS,
    description: 'Of all models together',
  })
  @MayObey(rules.someSlots)
  max_slots?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: rules.MOST_SLOTS,
    description: 'For the strategy `static`, of all models together',
  })
  @MayObey(rules.someSlots)
  static_slots?: number | null;

  @ApiPropertyOptional({ ...share, minimum: 0.05, maximum: 1 })
  @MayObey(rules.utilisation)
  utilisation?: number | null;

  @ApiPropertyOptional({ ...share, minimum: 0, maximum: 0.9 })
  @MayObey(rules.hysteresis)
  hysteresis?: number | null;

  @ApiPropertyOptional({
    ...share,
    minimum: 0.5,
    maximum: 0.999,
    description: 'The share of the messages that shall meet their wait targets, for `hybrid`',
  })
  @MayObey(rules.attainment)
  attainment?: number | null;

  @ApiPropertyOptional({ type: Number, maximum: rules.LONGEST_COOL_DOWN_MS })
  @MayObey(rules.coolDown)
  up_cool_down_ms?: number | null;

  @ApiPropertyOptional({ type: Number, maximum: rules.LONGEST_COOL_DOWN_MS })
  @MayObey(rules.coolDown)
  down_cool_down_ms?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: rules.LONGEST_MS,
    description: 'Time without work after which a model has no slots; null: never',
  })
  @MayObey(rules.milliseconds)
  zero_after_ms?: number | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'By lane: `min_slots`, `max_slots`, `wait_target_ms`',
    example: { realtime: { min_slots: 2 }, low: { wait_target_ms: 120000 } },
  })
  @MayObey(rules.lanes)
  lanes?: Record<string, unknown> | null;
}

/** Null is as good as absent, but where it says never. */
export function changesOf(dto: SchedulerChangesDto): SchedulerChanges {
  const said = Object.entries(dto).filter(
    ([name, value]) => value !== undefined && (value !== null || name === 'zero_after_ms'),
  );
  return Object.fromEntries(said) as SchedulerChanges;
}

export class DecisionsQueryDto extends ListQueryDto {
  @ApiPropertyOptional({ type: String, description: 'Of this model alone' })
  @MayObey(rules.modelName)
  model?: string;
}

export class SchedulerMetricsQueryDto {
  @ApiPropertyOptional({ type: String, description: 'Of this model alone' })
  @MayObey(rules.modelName)
  model?: string;

  @ApiPropertyOptional({ enum: LANES, description: 'Of this lane alone' })
  @MayObey(priority)
  lane?: Lane;
}

class LaneSettingsDto {
  @ApiProperty() min_slots!: number;
  @ApiProperty() max_slots!: number;
  @ApiProperty() wait_target_ms!: number;
}

class LanesSettingsDto {
  @ApiProperty() realtime!: LaneSettingsDto;
  @ApiProperty() high!: LaneSettingsDto;
  @ApiProperty() normal!: LaneSettingsDto;
  @ApiProperty() low!: LaneSettingsDto;
}

class SchedulerSettingsDto {
  @ApiProperty() enabled!: boolean;
  @ApiProperty() dry_run!: boolean;
  @ApiProperty({ enum: SCALE_STRATEGY_NAMES }) strategy!: string;
  @ApiProperty() min_slots!: number;
  @ApiProperty() max_slots!: number;
  @ApiProperty() static_slots!: number;
  @ApiProperty(share) utilisation!: number;
  @ApiProperty(share) hysteresis!: number;
  @ApiProperty(share) attainment!: number;
  @ApiProperty() up_cool_down_ms!: number;
  @ApiProperty() down_cool_down_ms!: number;
  @ApiProperty(nullableCount) zero_after_ms!: number | null;
  @ApiProperty() lanes!: LanesSettingsDto;
}

export class SchedulerDto {
  @ApiProperty({ description: 'In force: the configuration, with what operators changed' })
  settings!: SchedulerSettingsDto;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What differs from the configuration',
  })
  changed!: Record<string, unknown>;
  @ApiProperty(nullableText) changed_by!: string | null;
  @ApiProperty(nullableTime) changed_at!: string | null;
  @ApiProperty({
    enum: ACTUATOR_KINDS,
    description: 'What carries decisions out; only the configuration sets it',
  })
  actuator!: string;
  @ApiProperty({ ...nullableCount, description: 'Of the leader; null where none is heard' })
  term!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Slots that there are, or were ordered; null: not known' })
  slots!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Of all models together; null: not known' })
  wanted_slots!: number | null;
}

class SlotsByLaneDto {
  @ApiProperty() realtime!: number;
  @ApiProperty() high!: number;
  @ApiProperty() normal!: number;
  @ApiProperty() low!: number;
}

export class ScaleDecisionDto {
  @ApiProperty() id!: string;
  @ApiProperty({ format: 'date-time' }) time!: string;
  @ApiProperty() model!: string;
  @ApiProperty({ description: 'Slots of the model before' }) from!: number;
  @ApiProperty({ description: 'Slots of the model from then on' }) to!: number;
  @ApiProperty({ description: '`to`, by the lanes whose work it is for' }) lanes!: SlotsByLaneDto;
  @ApiProperty({ description: 'What was ordered for all models together' }) ordered!: number;
  @ApiProperty({ enum: SCALE_STRATEGY_NAMES }) strategy!: string;
  @ApiProperty({ enum: ACTUATOR_KINDS }) actuator!: string;
  @ApiProperty({ description: 'True where it was decided and not ordered' }) dry_run!: boolean;
  @ApiProperty({ description: 'In words' }) reason!: string;
  @ApiProperty({ description: 'Of the leader that decided' }) term!: number;
  @ApiProperty({ description: 'The process that decided' }) by!: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What it was decided from: `at`, `slots`, `start_delay_ms`, `lanes`, `service`',
  })
  inputs!: Record<string, unknown>;
}

export class ScaleDecisionsDto {
  @ApiProperty({ type: [ScaleDecisionDto] }) data!: ScaleDecisionDto[];
  @ApiProperty(nullableText) next_cursor!: string | null;
}

export function decisionJson({ id, time, decided }: KeptDecision): Record<string, unknown> {
  return { id, time, ...decided };
}

class ReadLaneDto {
  @ApiProperty({ ...nullableCount, description: 'Messages that no slot serves' }) waiting!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Those of them that were handed out before' })
  redelivering!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Calls under way' }) running!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Waiting and running' }) load!: number | null;
  @ApiProperty({ ...nullableNumber, description: 'Of the oldest message that no worker has taken' })
  oldest_age_seconds!: number | null;
  @ApiProperty({ ...nullableNumber, description: 'Messages per second that came of late' })
  arrivals_per_second!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Waiting messages whose deadline is within a minute' })
  due_within_minute!: number | null;
  @ApiProperty({
    ...nullableCount,
    description: 'Tokens that waiting messages ask with, by a sample of them',
  })
  waiting_tokens!: number | null;
}

class ReadLanesDto {
  @ApiProperty() realtime!: ReadLaneDto;
  @ApiProperty() high!: ReadLaneDto;
  @ApiProperty() normal!: ReadLaneDto;
  @ApiProperty() low!: ReadLaneDto;
}

class ReadServiceDto {
  @ApiProperty({ ...nullableNumber, description: 'How long a call holds its slot' })
  seconds_per_message!: number | null;
  @ApiProperty(nullableNumber) messages_per_second_and_slot!: number | null;
  @ApiProperty({ ...nullableNumber, description: 'Tokens of prompts and answers' })
  tokens_per_second_and_slot!: number | null;
}

class ReadModelDto extends ReadLaneDto {
  @ApiProperty() model!: string;
  @ApiProperty(nullableCount) wanted_slots!: number | null;
  @ApiProperty() lanes!: ReadLanesDto;
  @ApiProperty() service!: ReadServiceDto;
}

/** Null is unknown; what was asked for (the lane, the model) never is: then the answer is 503. */
export class SchedulerMetricsDto extends ReadLaneDto {
  @ApiProperty() term!: number;
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty(nullableCount) slots!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Of the model that was asked for, or of all together' })
  wanted_slots!: number | null;
  @ApiProperty() lanes!: ReadLanesDto;
  @ApiProperty({ type: [ReadModelDto] }) models!: ReadModelDto[];
}
