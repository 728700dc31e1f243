import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { configuredEndpoints, configuredSettings, DEMO_ENDPOINT_URL } from './configured-endpoints.js';
import { EndpointRegistry } from './endpoint-registry.js';

/**
 * The model endpoints of this process. Needs `PlatformModule` and `DemoEndpointModule`, both global.
 * Left out: starting the demo endpoint, the health of endpoints, and everything that decides when to call one.
 */
@Module({
  providers: [
    {
      provide: EndpointRegistry,
      inject: [SERVICE_CONFIG, DEMO_ENDPOINT_URL],
      useFactory: (config: ServiceConfig, demoUrl: string | null) => {
        const endpoints = configuredEndpoints(config, process.env, demoUrl);
        const settings = configuredSettings(config);
        return new EndpointRegistry(endpoints, config.loadbalancer.strategy, (name) => settings.get(name));
      },
    },
  ],
  exports: [EndpointRegistry],
})
export class EndpointsModule implements OnApplicationShutdown {
  constructor(private readonly registry: EndpointRegistry) {}

  /** The last of Nest's shutdown phases: by then the workers have finished or given back their calls. */
  async onApplicationShutdown(): Promise<void> {
    await this.registry.close();
  }
}
