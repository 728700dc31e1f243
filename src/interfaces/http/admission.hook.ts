import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Caller, LOCAL_CALLER } from '../../domain/caller.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { ApiKeyRing } from '../../platform/security/api-key-ring.js';
import { judgeOrigin } from '../../platform/security/local-origin.policy.js';
import { RefusedError } from '../../submission/refusal.js';

const CALLER = Symbol('caller');
type Admitted = FastifyRequest & { [CALLER]?: Caller };

/** Who sends this request; every request behind the hook has one. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = (request as Admitted)[CALLER];
  if (caller === undefined)
    throw new Error(`${request.method} ${request.url} did not pass the admission hook`);
  return caller;
}

/**
 * Decides before a byte of the body is read, on every route but health, those that don't exist included.
 * With keys: who has none is told 401. Without: only this machine's own programs are served, not web pages.
 */
export function admit(fastify: FastifyInstance, config: ServiceConfig): void {
  const ring = new ApiKeyRing(config.security.api_keys);
  // Declared beforehand, so that all request objects keep one shape and the engine's property access stays fast.
  fastify.decorateRequest(CALLER as unknown as string, null);
  fastify.addHook('onRequest', (request, _reply, done) => {
    try {
      if (!isHealth(request.url)) (request as Admitted)[CALLER] = admitted(request, ring, config.server.host);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}

function isHealth(url: string): boolean {
  return url.startsWith('/health/');
}

function admitted(request: FastifyRequest, ring: ApiKeyRing, configuredHost: string): Caller {
  return ring.open ? local(request, configuredHost) : keyHolder(request, ring);
}

function keyHolder(request: FastifyRequest, ring: ApiKeyRing): Caller {
  const caller = ring.callerOf(request.headers.authorization);
  if (caller !== null) return caller;
  throw new RefusedError({
    code: 'unauthorized',
    message:
      request.headers.authorization === undefined
        ? 'Send an API key as the header `Authorization: Bearer <key>`.'
        : 'This API key is not known.',
  });
}

function local(request: FastifyRequest, configuredHost: string): Caller {
  const { host, origin } = request.headers;
  switch (judgeOrigin({ host, origin }, configuredHost)) {
    case 'ok':
      return LOCAL_CALLER;
    case 'foreign_host':
      throw new RefusedError({
        code: 'foreign_host',
        message: `Without API keys the service answers to its loopback names only, not to the Host ${JSON.stringify(host)}. Set security.api_keys to serve other names.`,
      });
    case 'foreign_origin':
      throw new RefusedError({
        code: 'foreign_origin',
        message: 'Without API keys the service takes no requests from web pages of another origin.',
      });
  }
}
