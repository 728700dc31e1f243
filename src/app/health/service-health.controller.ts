import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { VERSION } from '../../platform/version.js';
import { ServiceHealthDto } from './health.dto.js';
import { HealthAnswer } from './health-answer.js';
import type { Readiness } from './readiness.js';

/** The whole of a service's health in one answer, for people and for monitors that know this address. */
@ApiTags('health')
@Controller(['health', 'api/v1/health'])
export class ServiceHealthController {
  constructor(private readonly answer: HealthAnswer) {}

  @Get()
  @ApiOperation({
    operationId: 'getHealth',
    summary: '200 when every component is usable, else 503; needs no key',
    description: 'Callers with a key are also told the version, the uptime, and how each component answered.',
  })
  @ApiOkResponse({ type: ServiceHealthDto })
  @ApiServiceUnavailableResponse({ type: ServiceHealthDto, description: 'A component is not usable' })
  async health(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { ready, told } = await this.answer.begin(request, reply);
    const status = statusOf(ready);
    if (told === null) return { status };
    const uptime_seconds = Math.floor(process.uptime());
    return { status, version: VERSION, uptime_seconds, components: componentsJson(told) };
  }
}

function componentsJson({ at, parts }: Readiness): Record<string, object> {
  const components = Object.entries(parts).map(([name, { ok, detail, tookMs }]) => [
    name,
    { status: statusOf(ok), detail, took_ms: tookMs, checked_at: at },
  ]);
  return Object.fromEntries(components);
}

function statusOf(ok: boolean): 'healthy' | 'unhealthy' {
  return ok ? 'healthy' : 'unhealthy';
}
