import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallerProof, type Evidence } from '../../platform/security/caller-proof.js';
import { LivenessDto, ReadinessDto } from './health.dto.js';
import { type HealthState, type Readiness, ReadinessProbe } from './readiness.js';

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly probe: ReadinessProbe,
    private readonly proof: CallerProof,
  ) {}

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
    const { ready, parts } = await this.probe.probe();
    reply.code(ready ? 200 : 503).header('cache-control', 'no-store');
    const status = ready ? 'ready' : 'not_ready';
    const outsider = 'code' in this.proof.prove(request.headers as Evidence);
    return outsider ? { status } : { status, parts: statesOf(parts) };
  }
}

function statesOf(parts: Readiness['parts']): Record<string, HealthState> {
  return Object.fromEntries(Object.entries(parts).map(([name, { ok, detail }]) => [name, { ok, detail }]));
}
