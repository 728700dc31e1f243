import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class LivenessDto {
  @ApiProperty({ enum: ['ok'] }) status!: string;
}

const PART = {
  type: 'object',
  required: ['ok'],
  properties: { ok: { type: 'boolean' }, detail: { type: 'string', description: 'For people' } },
};

export class ReadinessDto {
  @ApiProperty({ enum: ['ready', 'not_ready'] }) status!: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: PART,
    description: 'Each part by its name, for callers with a key',
  })
  parts?: object;
}

const HEALTH_STATES = ['healthy', 'unhealthy'];

const COMPONENT = {
  type: 'object',
  required: ['status', 'checked_at'],
  properties: {
    status: { type: 'string', enum: HEALTH_STATES },
    detail: { type: 'string', description: 'For people' },
    took_ms: { type: 'integer' },
    checked_at: { type: 'string', format: 'date-time' },
  },
};

export class ServiceHealthDto {
  @ApiProperty({ enum: HEALTH_STATES, description: 'All that is told to callers without a key' })
  status!: string;
  @ApiPropertyOptional() version?: string;
  @ApiPropertyOptional() uptime_seconds?: number;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: COMPONENT,
    description: 'Each component by its name',
  })
  components?: object;
}
