import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedError } from './refused.error.js';

type Done = (error: Error | null, body?: unknown) => void;

/**
 * JSON in UTF-8 is the only kind of body. A browser asks no leave to send forms and plain text across origins, so to
 * take those would let any web page submit to a service on loopback; JSON needs a preflight, which is never granted.
 *
 * Bytes that are not UTF-8 are refused: decoding would put replacement characters where the client had something else.
 * The keys `__proto__` and `constructor.prototype` are refused by Fastify's parser.
 */
export function acceptJsonOnly(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error') as unknown as (
    request: FastifyRequest,
    body: string,
    done: Done,
  ) => void;
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request, body: Buffer, done: Done) => {
      if (!isUtf8(body)) return done(new RefusedError('invalid_json', 'The body is not UTF-8.'));
      parse(request, body.toString('utf8'), (error, value) => {
        done(error === null ? null : notJson(body), value);
      });
    },
  );
}

/** Fastify's parser says no more than that it failed: the body is either not JSON, or JSON with a key that it refuses. */
function notJson(body: Buffer): RefusedError {
  try {
    JSON.parse(body.toString('utf8'));
    return new RefusedError('invalid_json', 'The body has a key __proto__ or constructor.prototype.');
  } catch (error) {
    return new RefusedError('invalid_json', `The body is not valid JSON: ${(error as Error).message}`);
  }
}
