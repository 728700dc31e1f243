import { Module } from '@nestjs/common';
import type { Logger } from 'pino';
import { EventLogModule } from '../../log/event-log.module.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { Idempotency } from './idempotency.js';
import { ReservationStore } from './nats/reservation-store.js';

const LEASE_BEYOND_APPEND_MS = 5_000;

/** Requests that are carried out once per key. Left out: the bucket, which the event log sets up, and all of HTTP. */
@Module({
  imports: [EventLogModule],
  providers: [
    ReservationStore,
    {
      provide: Idempotency,
      inject: [ReservationStore, SERVICE_CONFIG, SOURCES, LOGGER],
      useFactory: (store: ReservationStore, { nats }: ServiceConfig, sources: Sources, logger: Logger) => {
        const leaseMs = nats.append_timeout_ms + LEASE_BEYOND_APPEND_MS;
        return new Idempotency(store, { leaseMs, newSeed: sources.newId }, logger);
      },
    },
  ],
  exports: [Idempotency],
})
export class IdempotencyModule {}
