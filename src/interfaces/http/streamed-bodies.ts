import type { IncomingMessage } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { pathOf } from './address.js';
import { UnsupportedEncodingError } from './content-encoding.js';

/** The routes whose bodies are no JSON and may be larger than memory: their controllers read them as they come. */
const STREAMED: Readonly<Record<string, readonly string[]>> = {
  'multipart/form-data': ['/v1/files'],
  'application/x-ndjson': ['/api/v1/batches'],
};

/**
 * Lets these bodies through unread, and on no other route. Forms are what a web page can send across origins without
 * asking first, so each of these routes relies on the refusal of foreign origins in front of it.
 *
 * To be called behind `acceptJsonOnly`, which begins with no types at all.
 */
export function letStreamsThrough(fastify: FastifyInstance): void {
  for (const [type, paths] of Object.entries(STREAMED)) {
    fastify.addContentTypeParser(type, (request, _body, done) => {
      const encoding = request.headers['content-encoding'];
      if (!paths.includes(pathOf(request.url))) done(new HttpException('Unsupported Media Type', 415));
      else if (encoding !== undefined && encoding !== 'identity')
        done(new UnsupportedEncodingError(encoding));
      else done(null, undefined);
    });
  }
}

/** What is known of such a body before it is read: its length. Null for other bodies. */
export function lengthOfStreamed({ headers }: Pick<FastifyRequest, 'headers'>): string | null {
  const type = headers['content-type'] ?? '';
  const isStreamed = Object.keys(STREAMED).some((each) => type.startsWith(each));
  return isStreamed ? (headers['content-length'] ?? null) : null;
}

/**
 * A body as it comes. Whoever stops reading leaves the rest where it is, for `passOver`: the connection, which Node would
 * close, still has to bring the answer.
 */
export function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  // The failure of a client that goes away is told by what reads.
  request.once('error', () => undefined);
  return { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
}

/** What is left of a body that was refused is read into nothing, so that its client gets the answer. */
export function passOver(request: IncomingMessage): void {
  request.unpipe();
  request.resume();
}
