import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { MayObey, Obeys, Wants } from '../obeys.js';
import * as rules from './endpoint-rules.policy.js';

const MAX_REASON_LENGTH = 500;

/** A change of an endpoint: what is absent stays as it is. */
export class ChangeEndpointDto {
  @ApiPropertyOptional({
    type: String,
    description:
      'As OpenAI SDKs use it, ending in `/v1`. Private addresses must be allowed by `security.egress`',
    example: 'https://api.example.com/v1',
  })
  @MayObey(rules.baseUrl)
  base_url?: string | null;

  @ApiPropertyOptional({
    type: 'array',
    items: { oneOf: [{ type: 'string' }, { type: 'object', additionalProperties: true }] },
    description:
      'Names, or objects with `name` (what clients ask for), `upstream` (what the endpoint calls it), `context_tokens`, `max_output_tokens`, `capabilities` and `price` (`input`, `output`, `cached`, per million tokens)',
    example: ['llama-3.1-8b', { name: 'fast', upstream: 'maker/fast-8b-instruct', context_tokens: 8192 }],
  })
  @MayObey(rules.models)
  models?: (string | Record<string, unknown>)[] | null;

  @ApiPropertyOptional({
    type: Number,
    maximum: rules.MAX_PLACES,
    description: 'Calls at once, from all workers together; 8 when absent',
  })
  @MayObey(rules.places)
  max_concurrency?: number | null;

  @ApiPropertyOptional({
    type: Number,
    format: 'double',
    maximum: rules.MAX_WEIGHT,
    description: 'Its part of the calls beside others of the same model; 1 when absent',
  })
  @MayObey(rules.weight)
  weight?: number | null;

  @ApiPropertyOptional({
    enum: rules.GROUPS,
    description: 'A `backup` gets calls only while no primary endpoint is healthy; `primary` when absent',
  })
  @MayObey(rules.oneOf(rules.GROUPS))
  group?: (typeof rules.GROUPS)[number] | null;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    maximum: rules.MAX_PER_MINUTE,
    description: 'Requests per minute; null for no limit',
  })
  @MayObey(rules.perMinute)
  rpm?: number | null;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    maximum: rules.MAX_PER_MINUTE,
    description: 'Tokens per minute; null for no limit',
  })
  @MayObey(rules.perMinute)
  tpm?: number | null;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    description: 'Null: `loadbalancer.first_token_timeout_ms`',
  })
  @MayObey(rules.milliseconds)
  first_token_timeout_ms?: number | null;

  @ApiPropertyOptional({ type: Number, nullable: true, description: 'Null: `loadbalancer.idle_timeout_ms`' })
  @MayObey(rules.milliseconds)
  idle_timeout_ms?: number | null;

  @ApiPropertyOptional({
    enum: rules.APIS,
    description: 'The API of OpenAI by which it is asked for chats; `chat_completions` when absent',
  })
  @MayObey(rules.oneOf(rules.APIS))
  api?: (typeof rules.APIS)[number] | null;

  @ApiPropertyOptional({ enum: rules.AUTO_OR_NEVER, description: '`never`: it can not stream' })
  @MayObey(rules.oneOf(rules.AUTO_OR_NEVER))
  stream?: (typeof rules.AUTO_OR_NEVER)[number] | null;

  @ApiPropertyOptional({ enum: rules.AUTO_OR_NEVER, description: '`never`: it refuses `stream_options`' })
  @MayObey(rules.oneOf(rules.AUTO_OR_NEVER))
  include_usage?: (typeof rules.AUTO_OR_NEVER)[number] | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Sent with each call. No secrets: they are stored in the log. Answers show only their names',
  })
  @MayObey(rules.headers)
  headers?: Record<string, string> | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description:
      "The variable of the workers' environment that holds the key. It must be allowed for the address by `security.endpoint_keys`",
  })
  @MayObey(rules.keyVariable)
  api_key_env?: string | null;
}

@Wants('base_url', 'models')
export class NewEndpointDto extends ChangeEndpointDto {
  @ApiProperty({ description: '1 to 64 letters, digits, dots, `-` and `_`', example: 'gpu-2' })
  @Obeys(rules.endpointName)
  name!: string;
}

export class DrainDto {
  @ApiPropertyOptional({ type: String, maxLength: MAX_REASON_LENGTH })
  @MayObey((value) =>
    typeof value === 'string' && value.length <= MAX_REASON_LENGTH
      ? null
      : `must be a string of at most ${MAX_REASON_LENGTH} characters`,
  )
  reason?: string | null;
}

class DrainedDto {
  @ApiProperty({ format: 'date-time' }) since!: string;
  @ApiProperty() by!: string;
  @ApiProperty() reason!: string;
}

class ModelPriceDto {
  @ApiProperty({ format: 'double' }) input!: number;
  @ApiProperty({ format: 'double' }) output!: number;
  @ApiProperty({ type: Number, format: 'double', nullable: true }) cached!: number | null;
}

class EndpointModelDto {
  @ApiProperty({ description: 'What clients ask for' }) name!: string;
  @ApiProperty({ description: 'What the endpoint calls it' }) upstream!: string;
  @ApiProperty({ type: Number, nullable: true }) context_tokens!: number | null;
  @ApiProperty({ type: Number, nullable: true }) max_output_tokens!: number | null;
  @ApiProperty({ enum: rules.CAPABILITIES, isArray: true }) capabilities!: string[];
  @ApiProperty({ type: ModelPriceDto, nullable: true }) price!: ModelPriceDto | null;
}

export const SOURCES_OF_ENDPOINTS = ['configuration', 'demo', 'api'] as const;

export class EndpointDto {
  @ApiProperty() name!: string;
  @ApiProperty({ enum: SOURCES_OF_ENDPOINTS, description: 'Who named it' }) source!: string;
  @ApiProperty() base_url!: string;
  @ApiProperty({ type: [EndpointModelDto] }) models!: EndpointModelDto[];
  @ApiProperty() max_concurrency!: number;
  @ApiProperty({ format: 'double' }) weight!: number;
  @ApiProperty({ enum: rules.GROUPS }) group!: string;
  @ApiProperty({ type: Number, nullable: true }) rpm!: number | null;
  @ApiProperty({ type: Number, nullable: true }) tpm!: number | null;
  @ApiProperty({ type: Number, nullable: true }) first_token_timeout_ms!: number | null;
  @ApiProperty({ type: Number, nullable: true }) idle_timeout_ms!: number | null;
  @ApiProperty({ enum: rules.APIS }) api!: string;
  @ApiProperty({ enum: rules.AUTO_OR_NEVER }) stream!: string;
  @ApiProperty({ enum: rules.AUTO_OR_NEVER }) include_usage!: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'The names of the headers that each call carries; values are never shown',
  })
  headers!: Record<string, string>;
  @ApiProperty({ type: String, nullable: true }) api_key_env!: string | null;
  @ApiProperty({ type: DrainedDto, nullable: true }) drained!: DrainedDto | null;
  @ApiProperty({ type: [String], description: 'What PATCH may change' }) changeable!: string[];
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'number', format: 'double' },
    description: 'The most that the configuration file lets each be set to',
  })
  at_most!: Record<string, number>;
  @ApiProperty({ type: String, nullable: true }) updated_by!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) updated_at!: string | null;
}

export class EndpointListDto {
  @ApiProperty({ type: [EndpointDto] }) data!: EndpointDto[];
}
