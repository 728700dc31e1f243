import { ApiProperty } from '@nestjs/swagger';
import { ROLES } from '../../../platform/config/service-config.js';

export class EffectiveConfigDto {
  @ApiProperty({ enum: ROLES, isArray: true }) roles!: string[];
  @ApiProperty({ description: "Where the embedded servers' data are" }) data_dir!: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'As in `config.yaml`: `settings.server.port`',
  })
  settings!: Record<string, unknown>;
  @ApiProperty({ type: [String], description: 'The paths of settings that have a value and are not shown' })
  hidden!: string[];
}
