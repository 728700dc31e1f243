import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallerProof, type Evidence } from '../../platform/security/caller-proof.js';
import { VERSION } from '../../platform/version.js';
import { ServiceHealthDto } from './health.dto.js';
import { type Readiness, ReadinessProbe } from './readiness.js';

/** The whole of a service's health in one answer, for people and for monitors that know this address. */
@ApiTags('health')
@Controller(['health', 'api/v1/health'])
export class ServiceHealthController {
  constructor(
    private readonly probe: ReadinessProbe,
    private readonly proof: CallerProof,
  ) {}

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
    const readiness = await this.probe.probe();
    reply.code(readiness.ready ? 200 : 503).header('cache-control', 'no-store');
    const status = statusOf(readiness.ready);
    const outsider = 'code' in this.proof.prove(request.headers as Evidence);
    if (outsider) return { status };
    const uptime_seconds = Math.floor(process.uptime());
    return { status, version: VERSION, uptime_seconds, components: componentsJson(readiness) };
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
