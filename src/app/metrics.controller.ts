import { Controller, Get, Inject, NotFoundException, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tellRequestIdRaw } from '../interfaces/http/request-id.hook.js';
import { TELEMETRY, type Telemetry } from '../platform/telemetry/telemetry.js';

/** `GET /metrics` in Prometheus text, for every role; under `/api/v1` too, where all of REST is. */
@ApiExcludeController()
@Controller(['metrics', 'api/v1/metrics'])
export class MetricsController {
  constructor(@Inject(TELEMETRY) private readonly telemetry: Telemetry) {}

  @Get()
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.telemetry.prometheus === null) throw new NotFoundException('metrics.enabled is false');
    tellRequestIdRaw(reply);
    reply.hijack();
    this.telemetry.prometheus.getMetricsRequestHandler(request.raw, reply.raw);
  }
}
