import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LivenessDto, ReadinessDto } from './health.dto.js';
import { HealthAnswer } from './health-answer.js';
import type { HealthState, Readiness } from './readiness.js';

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly answer: HealthAnswer) {}

  @Get('live')
  @ApiOperation({ operationId: 'getLiveness', summary: 'The process runs; needs no key' })
  @ApiOkResponse({ type: LivenessDto })
  live(): object {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({
    operationId: 'getReadiness',
    summary: '200 only when every part is usable, else 503; needs no key',
    description: 'Only callers with a key are told which part is not, and why.',
  })
  @ApiOkResponse({ type: ReadinessDto })
  @ApiServiceUnavailableResponse({ type: ReadinessDto, description: 'Not ready' })
  async ready(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { ready, told } = await this.answer.begin(request, reply);
    const status = ready ? 'ready' : 'not_ready';
    return told === null ? { status } : { status, parts: statesOf(told.parts) };
  }
}

function statesOf(parts: Readiness['parts']): Record<string, HealthState> {
  return Object.fromEntries(Object.entries(parts).map(([name, { ok, detail }]) => [name, { ok, detail }]));
}
