import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallerProof, type Evidence } from '../../platform/security/caller-proof.js';
import { VERSION } from '../../platform/version.js';
import { homeOf, homePage, wantsPage } from './home.policy.js';

/** `GET /`: what a person finds who types the address of the service. Needs no key, since browsers send none. */
@ApiExcludeController()
@Controller()
export class HomeController {
  constructor(
    private readonly proof: CallerProof,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  @Get()
  home(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { roles, server, metrics } = this.config;
    const outsider = 'code' in this.proof.prove(request.headers as Evidence);
    const api = roles.has('api');
    const home = homeOf({
      ...{ version: outsider ? null : VERSION, api },
      docs: api && server.docs !== 'off',
      metrics: metrics.enabled,
    });
    reply.headers({ vary: 'accept', 'cache-control': 'no-store' });
    if (wantsPage(request.headers.accept)) reply.type('text/html; charset=utf-8').send(homePage(home));
    else reply.send(home);
  }
}
