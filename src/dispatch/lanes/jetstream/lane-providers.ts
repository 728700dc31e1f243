import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EventLog } from '../../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { EVENT_LOG, LOGGER, NATS } from '../../../platform/tokens.js';
import { MessageReader } from '../../../projection/read/message-reader.js';
import { CANCELLATIONS, type Cancellations } from '../../cancellations/cancellations.port.js';
import { LANES_PORT, RETRY_SCHEDULES, type RetrySchedules } from '../lane.port.js';
import { DelayScheduler } from './delay-scheduler.js';
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
    inject: [NATS, SOURCES],
    useFactory: (nats: NatsConnection, { nowMs }: Sources) => new JetStreamRetrySchedules(nats, nowMs),
  },
  {
    provide: DueRelay,
    inject: [NATS, EVENT_LOG, CANCELLATIONS, SOURCES, LOGGER],
    useFactory: (
      nats: NatsConnection,
      log: EventLog,
      cancellations: Cancellations,
      sources: Sources,
      logger: Logger,
    ) => new DueRelay(nats, log, cancellations, sources, logger),
  },
  {
    provide: DelayScheduler,
    inject: [NATS, RETRY_SCHEDULES, MessageReader, SOURCES, LOGGER],
    useFactory: (
      nats: NatsConnection,
      schedules: RetrySchedules,
      reader: MessageReader,
      sources: Sources,
      logger: Logger,
    ) => new DelayScheduler(nats, schedules, reader, sources, logger),
  },
];

/** For whoever wants to know the lanes' lag, in any role. */
export const laneLagProvider: Provider = {
  provide: LaneLagReader,
  inject: [NATS, SOURCES],
  useFactory: (nats: NatsConnection, sources: Sources) => new LaneLagReader(nats, sources.nowMs),
};
