import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallerProof, type Evidence } from '../../platform/security/caller-proof.js';
import { invalidFields, refused } from '../../submission/refusal.js';
import { admitCaller } from '../caller.guard.js';
import { plainOrigins } from '../http/cors.policy.js';
import { mayConnectFrom, offeredProtocols, PROTOCOL, queryNames } from './handshake.policy.js';
import { OpenClients } from './open-clients.js';

/** Who may open a WebSocket. A refusal is an HTTP answer, since nothing is open yet. */
@Injectable()
export class Handshake {
  private readonly origins: ReadonlySet<string>;

  constructor(
    private readonly proof: CallerProof,
    private readonly clients: OpenClients,
    @Inject(SERVICE_CONFIG) { server }: Pick<ServiceConfig, 'server'>,
  ) {
    this.origins = plainOrigins(server.cors_origins);
  }

  /**
   * What the client says of itself, with its key, wherever that stood. Without a key where one is needed, it is to come
   * in the first frame.
   *
   * @throws {RefusedError} `invalid_fields`, `foreign_origin`, `too_many_waiting`, `too_many_of_key`, `service_stopping`, and what
   *   `admitCaller` throws
   */
  judge({ headers, url }: Pick<FastifyRequest, 'headers' | 'url'>): Evidence {
    refuseQuery(url);
    const { host, origin } = headers;
    if (!mayConnectFrom(origin, host, this.origins)) {
      throw refused(
        'foreign_origin',
        `Pages of ${JSON.stringify(origin)} may not connect here. Add the origin to server.cors_origins.`,
      );
    }
    const offered = offeredProtocols(headers['sec-websocket-protocol']);
    if (!offered.understood) {
      const reason = `must offer ${PROTOCOL} where it offers anything`;
      throw invalidFields([{ field: 'Sec-WebSocket-Protocol', reason }]);
    }
    const key = headers['x-api-key'] ?? offered.key ?? undefined;
    const evidence = { ...headers, 'x-api-key': key } as Evidence;
    if (this.proof.lacksKey(evidence)) {
      this.clients.refuseOneTooManyWithoutKey();
    } else {
      this.clients.refuseOneTooManyOf(admitCaller(this.proof, {}, evidence, true).name);
      this.clients.refuseOneTooMany();
    }
    return evidence;
  }
}

/** Addresses stand in the logs of proxies and in the history of browsers: a key in one is known to too many. */
function refuseQuery(url: string): void {
  const names = queryNames(url);
  if (names.length === 0) return;
  const reason =
    'is not taken in the address of a WebSocket; a key goes into a header, a subprotocol or the first frame';
  throw invalidFields(names.map((field) => ({ field, reason })));
}
