import type { FastifyInstance } from 'fastify';
import { crossOrigin, plainOrigins } from './cors.policy.js';

/** To be called before the hook that admits callers: a preflight carries no key, and a refusal must be readable too. */
export function letOriginsIn(fastify: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const known = plainOrigins(origins);
  fastify.addHook('onRequest', (request, reply, done) => {
    const { headers } = request;
    const answer = crossOrigin(
      {
        ...{ method: request.method, origin: headers.origin },
        wantedMethod: headers['access-control-request-method'],
        wantedHeaders: headers['access-control-request-headers'],
      },
      known,
    );
    // On the response itself: streams write their head without Fastify.
    for (const [name, value] of Object.entries(answer.headers)) reply.raw.setHeader(name, value);
    if (answer.isPreflight) reply.code(204).send();
    else done();
  });
}
