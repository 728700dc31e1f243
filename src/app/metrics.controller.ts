import { Controller, Get, Inject, NotFoundException, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TELEMETRY, type Telemetry } from '../platform/telemetry/telemetry.js';

/** `GET /metrics` in Prometheus text, for every role. */
@ApiExcludeController()
@Controller('metrics')
export class MetricsController {
  constructor(@Inject(TELEMETRY) private readonly telemetry: Telemetry) {}

  @Get()
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.telemetry.prometheus === null) throw new NotFoundException('metrics.enabled is false');
    reply.hijack();
    this.telemetry.prometheus.getMetricsRequestHandler(request.raw, reply.raw);
  }
}
