import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../platform/tokens.js';
import { CLAIMS } from '../claim.port.js';
import { KvClaims } from './kv-claims.js';

/** The event log is asked for because it makes the bucket. */
export const claimsProvider: Provider = {
  provide: CLAIMS,
  inject: [NATS, SERVICE_CONFIG, EVENT_LOG],
  useFactory: (nats: NatsConnection, config: ServiceConfig) =>
    new KvClaims(nats, config.nats.append_timeout_ms),
};
