import type { FastifyInstance } from 'fastify';

/**
 * What a browser is told about every page of ours: nothing from elsewhere runs in it, no other page frames it, and no
 * address of it is told to others. Swagger UI writes styles into its page, and draws pictures from `data:`.
 */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

const DOCS = '/api/docs';

/** For HTML from any route, and for all that lies under `/api/docs`. */
export function guardPages(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const type = reply.getHeader('content-type');
    const isPage = typeof type === 'string' && type.startsWith('text/html');
    if (isPage || request.url.startsWith(DOCS)) reply.headers(PAGE_HEADERS);
    done(null, payload);
  });
}
