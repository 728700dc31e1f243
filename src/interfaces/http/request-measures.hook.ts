import type { FastifyInstance } from 'fastify';
import { REQUEST_SECONDS } from '../../platform/metrics/bucket-bounds.js';
import type { Measures } from '../../platform/metrics/measures.js';

/** For what is no route of ours: paths are the client's to make up. */
const NO_ROUTE = 'other';
/** In place of a status, where the client was gone before it had the whole answer. */
const ABANDONED = 'abandoned';

/**
 * Counts each request by how long its answer took, streams included. It is told when the response is closed, which comes
 * behind the last byte or with the client's going: Fastify's `onResponse` hears nothing of the latter.
 */
export function measureRequests(fastify: FastifyInstance, measures: Measures): void {
  const durations = measures.histogram(
    {
      name: 'llmq.http.request_duration_seconds',
      description: 'From the head of a request to the end of its answer',
    },
    ['method', 'route', 'status'],
    REQUEST_SECONDS,
  );
  const routeOf = routeNames();
  fastify.addHook('onRequest', (request, reply, done) => {
    const begunAt = performance.now();
    const { raw } = reply;
    raw.once('close', () => {
      const route = request.is404 ? NO_ROUTE : routeOf(request.routeOptions.url);
      const status = raw.writableFinished ? `${raw.statusCode}` : ABANDONED;
      const about = { method: request.method, route, status };
      durations.at(about).observe((performance.now() - begunAt) / 1_000);
    });
    done();
  });
}

/** As the documents write them: `/v1/models/{model}`. */
function routeNames(): (pattern: string | undefined) => string {
  const known = new Map<string, string>();
  return (pattern) => {
    if (pattern === undefined) return NO_ROUTE;
    const name = known.get(pattern) ?? pattern.replace(/:(\w+)/g, '{$1}');
    known.set(pattern, name);
    return name;
  };
}
