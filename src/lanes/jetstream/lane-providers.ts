import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import { SERVICE_CONFIG, type ServiceConfig } from '../../config/service-config.js';
import type { EventLog } from '../../event-log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG, LOGGER, NATS } from '../../platform/tokens.js';
import { LANES_PORT, RETRY_SCHEDULES } from '../lane.port.js';
import { DueRelay } from './due-relay.js';
import { JetStreamLanes } from './jetstream-lanes.js';
import { LaneLagReader } from './lane-lag.js';
import { JetStreamRetrySchedules } from './schedules.js';

/** The lanes' ports on JetStream. */
export const jetStreamLaneProviders: Provider[] = [
  {
    provide: LANES_PORT,
    inject: [NATS, SERVICE_CONFIG, LOGGER],
    useFactory: (nats: NatsConnection, { queue }: ServiceConfig, logger: Logger) => {
      const { prefetch, ack_wait_ms: ackWaitMs } = queue.worker;
      return new JetStreamLanes(nats, { prefetch, ackWaitMs }, logger);
    },
  },
  {
    provide: RETRY_SCHEDULES,
    inject: [NATS],
    useFactory: (nats: NatsConnection) => new JetStreamRetrySchedules(nats),
  },
  {
    provide: DueRelay,
    inject: [NATS, EVENT_LOG, SOURCES, LOGGER],
    useFactory: (nats: NatsConnection, log: EventLog, sources: Sources, logger: Logger) =>
      new DueRelay(nats, log, sources, logger),
  },
];

/** For whoever wants to know the lanes' lag, in any role. */
export const laneLagProvider: Provider = {
  provide: LaneLagReader,
  inject: [NATS, SOURCES],
  useFactory: (nats: NatsConnection, sources: Sources) => new LaneLagReader(nats, sources.nowMs),
};
