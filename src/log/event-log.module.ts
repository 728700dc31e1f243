import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { retireStreams } from '../broker/retire-streams.js';
import { SERVICE_CONFIG } from '../platform/config/service-config.js';
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
  constructor(@Inject(EVENT_LOG) private readonly log: JetStreamEventLog) {}

  /** The last of Nest's hooks: servers are closed and workers have handed back, so what is under way is the rest. */
  async onApplicationShutdown(): Promise<void> {
    await this.log.close();
  }
}

/** Here and not in `openEventLog`: a command line tool that reads the log changes no stream, and one warning is enough. */
async function prepareLog(...[nats, config, logger]: Parameters<typeof openEventLog>) {
  const log = await openEventLog(nats, config, logger);
  await retireStreams(nats, logger);
  return log;
}
