import { BadRequestException } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';

/**
 * A request with two `Host` headers is refused (RFC 9112, 3.2): Node takes the first, and a proxy before it may have
 * gone by the other.
 */
export function refuseSecondHost(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const names = request.raw.rawHeaders;
    let hosts = 0;
    for (let at = 0; at < names.length; at += 2) if (isHost(names[at]!)) hosts += 1;
    done(hosts > 1 ? new BadRequestException('The request has more than one Host header.') : undefined);
  });
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}
