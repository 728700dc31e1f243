import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { Reports } from '../../../operations/report/reports.js';
import { OperatorOnly } from '../../caller.guard.js';
import { RestApi } from '../rest-api.js';
import { ReportDto, reportJson } from './report.dto.js';

/** For operators: it names endpoints, tenants and who paused a lane. */
@RestApi('admin')
@OperatorOnly()
@Controller('api/v1/report')
export class ReportController {
  constructor(private readonly reports: Reports) {}

  @Get()
  @ApiOperation({
    operationId: 'getReport',
    summary: 'What is wrong now, the worst first, and what to do next',
    description:
      'It is made when it is asked for, within some seconds. The status is 200 whatever the verdict is.',
  })
  @ApiOkResponse({ type: ReportDto })
  async read(): Promise<Record<string, unknown>> {
    return reportJson(await this.reports.now());
  }
}
