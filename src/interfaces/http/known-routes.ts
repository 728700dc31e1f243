import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { allowedMethods, type Route } from './allowed-methods.policy.js';

/** Which methods each path has, so that a request with another one is told so, and not that there is no such path. */
@Injectable()
export class KnownRoutes {
  private readonly routes: Route[] = [];

  /** Nest makes this before it gives any route to Fastify; where it serves no HTTP, there is none. */
  constructor(host: HttpAdapterHost) {
    const httpAdapter = host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    httpAdapter?.getInstance<FastifyInstance>().addHook('onRoute', ({ method, url: pattern }) => {
      for (const one of [method].flat()) this.routes.push({ method: one, pattern });
    });
  }

  /** As people write them: `GET /v1/models/{model}`. Routes for any path below another one are left out. */
  below(path: string): string[] {
    return this.routes
      .filter(
        ({ method, pattern }) => method !== 'HEAD' && pattern.startsWith(path) && !pattern.endsWith('*'),
      )
      .map(({ method, pattern }) => `${method} ${pattern.replace(/:(\w+)/g, '{$1}')}`)
      .sort();
  }

  allowedAt(url: string): string[] {
    return allowedMethods(this.routes, url);
  }
}
