import type { NatsConnection } from '@nats-io/transport-node';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { NatsDurability } from '../broker/nats-durability.js';
import { SOURCES, systemSources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import type { NatsStore } from '../platform/embedded/nats-store.js';
import { TELEMETRY, type Telemetry } from '../platform/telemetry/telemetry.js';
import { LOGGER, NATS, NATS_DURABILITY, NATS_STORE } from '../platform/tokens.js';

/** What a process connects once, before Nest: so that a failure to connect is one clear paragraph, not a failed injection. */
export interface PlatformParts {
  readonly config: ServiceConfig;
  readonly logger: Logger;
  readonly nats: NatsConnection;
  readonly dataSource: DataSource;
  readonly telemetry: Telemetry;
  readonly durability: NatsDurability;
  /** Of the embedded NATS; null, as without it, for a NATS of one's own. */
  readonly natsStore?: NatsStore | null;
}

/**
 * The process's connections, clock and configuration for every other module.
 * It opens and closes nothing: `start-service` does, because what it holds must outlive all modules.
 */
@Global()
@Module({})
export class PlatformModule {
  static with(parts: PlatformParts): DynamicModule {
    const providers = [
      { provide: SERVICE_CONFIG, useValue: parts.config },
      { provide: LOGGER, useValue: parts.logger },
      { provide: NATS, useValue: parts.nats },
      { provide: DataSource, useValue: parts.dataSource },
      { provide: NATS_STORE, useValue: parts.natsStore ?? null },
      { provide: NATS_DURABILITY, useValue: parts.durability },
      { provide: TELEMETRY, useValue: parts.telemetry },
      { provide: SOURCES, useValue: systemSources },
    ];
    return { module: PlatformModule, providers, exports: providers.map((provider) => provider.provide) };
  }
}
