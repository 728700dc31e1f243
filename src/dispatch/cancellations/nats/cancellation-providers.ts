import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import { EVENT_LOG, LOGGER, NATS } from '../../../platform/tokens.js';
import { CANCELLATIONS } from '../cancellations.port.js';
import { KvCancellations } from './kv-cancellations.js';

/** The event log is asked for because it makes the bucket. */
export const cancellationsProvider: Provider = {
  provide: CANCELLATIONS,
  inject: [NATS, LOGGER, EVENT_LOG],
  useFactory: async (nats: NatsConnection, logger: Logger) => {
    const cancellations = new KvCancellations(nats, logger);
    await cancellations.start();
    return cancellations;
  },
};
