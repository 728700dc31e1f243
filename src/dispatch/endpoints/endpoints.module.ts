import { Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { AdminModule } from '../../log/admin/admin.module.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import {
  configuredDescriptions,
  configuredEndpoints,
  DEMO_ENDPOINT_URL,
  oddityLog,
  settingsOf,
} from './configured-endpoints.js';
import { EndpointRegistry } from './endpoint-registry.js';
import { ENDPOINT_PEERS, EndpointPeers } from './health/nats/endpoint-peers.js';
import { SHARE_KEEPER, ShareKeeper } from './limits/nats/share-keeper.js';
import { RegisteredEndpoints } from './registered/registered-endpoints.js';
import { EndpointFigures } from './stats/nats/endpoint-figures.js';

/**
 * The model endpoints of this process: the configuration's, and those that admins registered. Needs `PlatformModule` and
 * `DemoEndpointModule`, both global. Left out: starting the demo endpoint, checks of endpoints, and everything that
 * decides when to call one.
 */
@Module({
  imports: [AdminModule],
  providers: [
    ENDPOINT_PEERS,
    RegisteredEndpoints,
    EndpointFigures,
    SHARE_KEEPER,
    {
      provide: EndpointRegistry,
      inject: [SERVICE_CONFIG, DEMO_ENDPOINT_URL, LOGGER],
      useFactory: (config: ServiceConfig, demoUrl: string | null, logger: Logger) => {
        const endpoints = configuredEndpoints(config, process.env, demoUrl, oddityLog(logger));
        const settings = new Map(
          configuredDescriptions(config, demoUrl).map((each) => [each.name, settingsOf(each)]),
        );
        return new EndpointRegistry(endpoints, config.loadbalancer.strategy, (name) => settings.get(name), {
          careful: true,
        });
      },
    },
  ],
  exports: [EndpointRegistry, EndpointPeers, EndpointFigures, RegisteredEndpoints],
})
export class EndpointsModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(EndpointPeers) private readonly peers: EndpointPeers,
    @Inject(EndpointFigures) private readonly figures: EndpointFigures,
    @Inject(ShareKeeper) private readonly shares: ShareKeeper | null,
  ) {}

  /** Before the worker asks for the first place. */
  async onModuleInit(): Promise<void> {
    this.peers.start();
    this.figures.start();
    await this.shares?.start();
  }

  /** The last of Nest's shutdown phases: by then the workers have finished or given back their calls. */
  async onApplicationShutdown(): Promise<void> {
    await this.shares?.stop();
    this.peers.stop();
    this.figures.stop();
    await this.registry.close();
  }
}
