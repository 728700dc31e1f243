import type { NatsConnection } from '@nats-io/transport-node';
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { EVENT_LOG, LOGGER, NATS } from '../platform/tokens.js';
import { ensureStreams } from './jetstream/ensure-streams.js';
import { JetStreamEventLog } from './jetstream/jetstream-event-log.js';

/**
 * The log, for everyone. It is provided only once its streams and buckets are there and fit, so whoever gets it can
 * use them; a stream that does not fit fails the start.
 * Left out: what reads the log (lanes, projection, answers) and the connection, which others use as well.
 */
@Global()
@Module({
  providers: [
    {
      provide: EVENT_LOG,
      inject: [NATS, SERVICE_CONFIG, LOGGER],
      useFactory: async (nats: NatsConnection, { nats: settings }: ServiceConfig, logger: Logger) => {
        await ensureStreams(nats, settings.replicas);
        return new JetStreamEventLog(nats, logger, {
          appendTimeoutMs: settings.append_timeout_ms,
          appendBufferBytes: settings.append_buffer_bytes,
        });
      },
    },
  ],
  exports: [EVENT_LOG],
})
export class EventLogModule implements OnApplicationShutdown {
  constructor(@Inject(EVENT_LOG) private readonly log: JetStreamEventLog) {}

  /** The last of Nest's hooks: servers are closed and workers have handed back, so what is under way is the rest. */
  async onApplicationShutdown(): Promise<void> {
    await this.log.close();
  }
}
