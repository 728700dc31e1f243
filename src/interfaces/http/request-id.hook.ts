import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { aboutMessage } from '../../platform/logging/about-message.js';
import { loggedUrl } from '../../platform/logging/logged-url.policy.js';
import { traceOfRequest } from './traced-requests.js';

export const REQUEST_ID = 'x-request-id';

/**
 * Every answer names its request, refusals and streams included, by the id that Fastify was told to find
 * (`fastifyOptions`). Where somebody debugs, each request is a line of the log, with the message that it made.
 */
export function tellRequestIds(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header(REQUEST_ID, request.id);
    done();
  });
  if (!logger.isLevelEnabled('debug')) return;
  fastify.addHook('onResponse', (request, reply, done) => {
    const { id: requestId, method, url } = request;
    const messageId = reply.getHeader('x-llmq-message-id');
    const { message_id, ...trace } = aboutMessage(String(messageId), traceOfRequest(request));
    logger.debug(
      {
        ...{ requestId, method, path: loggedUrl(url), status: reply.raw.statusCode },
        ms: Math.round(reply.elapsedTime),
        ...(messageId === undefined ? {} : { message_id }),
        ...trace,
      },
      'answered',
    );
    done();
  });
}

/** For what writes its answer past Fastify, and takes over none of its headers. */
export function tellRequestIdRaw({ raw, request }: FastifyReply): void {
  raw.setHeader(REQUEST_ID, request.id);
}
