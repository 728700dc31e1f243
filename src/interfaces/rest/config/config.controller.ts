import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { effectiveSettings } from '../../../platform/config/effective-settings.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { OperatorOnly } from '../../caller.guard.js';
import { RestApi } from '../rest-api.js';
import { EffectiveConfigDto } from './config.dto.js';

@RestApi('config')
@OperatorOnly()
@Controller('api/v1/config')
export class ConfigController {
  constructor(@Inject(SERVICE_CONFIG) private readonly config: ServiceConfig) {}

  @Get()
  @ApiOperation({
    operationId: 'getConfig',
    summary: 'The settings that this process works with',
    description:
      'From the file, the environment and the defaults. Secrets are `***`, and addresses come without users, passwords and queries.',
  })
  @ApiOkResponse({ type: EffectiveConfigDto })
  read(): EffectiveConfigDto {
    const { roles, dataDir } = this.config;
    return { roles: [...roles], data_dir: dataDir, ...effectiveSettings(this.config) } as EffectiveConfigDto;
  }
}
