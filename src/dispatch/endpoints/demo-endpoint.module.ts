import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DEMO_ENDPOINT_URL } from './configured-endpoints.js';

/**
 * Tells the endpoints where the demo endpoint listens; null when none was started.
 * It starts nothing: the demo model is a server of its own, which must stand before this module and outlive it.
 */
@Global()
@Module({})
export class DemoEndpointModule {
  static at(url: string | null): DynamicModule {
    const providers = [{ provide: DEMO_ENDPOINT_URL, useValue: url }];
    return { module: DemoEndpointModule, providers, exports: [DEMO_ENDPOINT_URL] };
  }
}
