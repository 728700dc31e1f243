import type { FastifyInstance } from 'fastify';
import type { CallerProof, Evidence } from '../../platform/security/caller-proof.js';
import { admitCaller, CALLER_PROPERTY, isHealth, isRead } from '../caller.guard.js';
import { isOpenPage } from './open-pages.policy.js';
import { opensWebSocket } from './upgrades.js';

/**
 * Decides before a byte of the body is read, on every route but health and pages for everybody, those that don't exist
 * included. A handshake for a WebSocket is its own room's business: its key may stand elsewhere, or follow.
 *
 * This is a hook of Fastify's because Nest's guards run too late for it: they come after the body is read and parsed, so
 * that clients without a key could make the service read megabytes, and they don't run where there is no route. The
 * guard then takes the caller that was found here.
 *
 * @param openDocs whether the description of the API is for everybody
 */
export function admitBeforeBody(fastify: FastifyInstance, proof: CallerProof, openDocs: boolean): void {
  fastify.decorateRequest(CALLER_PROPERTY, null);
  fastify.addHook('onRequest', (request, _reply, done) => {
    try {
      const { method, url } = request;
      const reads = isRead(method);
      if (!isHealth(url) && !(reads && isOpenPage(url, openDocs)) && !opensWebSocket(request)) {
        admitCaller(proof, request, request.headers as Evidence, reads);
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
