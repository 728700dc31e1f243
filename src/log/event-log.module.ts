import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { watchMemoryStreams } from '../broker/memory-streams.js';
import { retireStreams } from '../broker/retire-streams.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG, LOGGER, NATS } from '../platform/tokens.js';
import { JetStreamEventLog, openEventLog } from './jetstream/jetstream-event-log.js';
import { PartStore } from './jetstream/part-store.js';
import { LogRoom } from './room/log-room.js';

/**
 * The log, for everyone, with the watch of its room. It is provided only once its streams and buckets are there and fit,
 * so whoever gets it can use them; a stream that does not fit fails the start.
 * Left out: what reads the log (lanes, projection, answers) and the connection, which others use as well.
 */
@Global()
@Module({
  providers: [
    { provide: EVENT_LOG, inject: [NATS, SERVICE_CONFIG, LOGGER], useFactory: prepareLog },
    LogRoom,
    PartStore,
  ],
  exports: [EVENT_LOG, LogRoom, PartStore],
})
export class EventLogModule implements OnApplicationShutdown {
  private readonly stopWatching: () => void;

  constructor(
    @Inject(EVENT_LOG) private readonly log: JetStreamEventLog,
    @Inject(SERVICE_CONFIG) { nats }: Pick<ServiceConfig, 'nats'>,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.stopWatching = watchMemoryStreams(log.connection, nats.replicas, logger);
  }

  /** The last of Nest's hooks: servers are closed and workers have handed back, so what is under way is the rest. */
  async onApplicationShutdown(): Promise<void> {
    this.stopWatching();
    await this.log.close();
  }
}

/** Here and not in `openEventLog`: a command line tool that reads the log changes no stream, and one warning is enough. */
async function prepareLog(...[nats, config, logger]: Parameters<typeof openEventLog>) {
  const log = await openEventLog(nats, config, logger);
  await retireStreams(nats, logger);
  return log;
}
