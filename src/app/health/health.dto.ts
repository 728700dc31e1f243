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
