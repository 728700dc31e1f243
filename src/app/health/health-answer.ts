import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallerProof, type Evidence } from '../../platform/security/caller-proof.js';
import { type Readiness, ReadinessProbe } from './readiness.js';

/** What every answer about health has in common. */
@Injectable()
export class HealthAnswer {
  constructor(
    private readonly probe: ReadinessProbe,
    private readonly proof: CallerProof,
  ) {}

  /** Asks all parts, and gives the answer its status. `told` is null for callers without a key: they hear of no part. */
  async begin(
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<{ readonly ready: boolean; readonly told: Readiness | null }> {
    const readiness = await this.probe.probe();
    reply.code(readiness.ready ? 200 : 503).header('cache-control', 'no-store');
    const isOutsider = 'code' in this.proof.prove(request.headers as Evidence);
    return { ready: readiness.ready, told: isOutsider ? null : readiness };
  }
}
