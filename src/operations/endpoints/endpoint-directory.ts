import { Inject, Injectable } from '@nestjs/common';
import {
  configuredDescriptions,
  DEMO_ENDPOINT_URL,
  type EndpointDescription,
  settingsOf,
} from '../../dispatch/endpoints/configured-endpoints.js';
import type { CatalogEntry } from '../../dispatch/endpoints/registered/endpoint-catalog.state.js';
import { fileBounds, type Tunable, tuned } from '../../dispatch/endpoints/registered/file-bounds.policy.js';
import { RegisteredEndpoints } from '../../dispatch/endpoints/registered/registered-endpoints.js';
import type { EndpointTuning } from '../../domain/admin/endpoint.events.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';

/** Who named an endpoint. `demo` is the one that is there where the configuration names none. */
export type EndpointSource = 'configuration' | 'demo' | 'api';

export interface KnownEndpoint {
  readonly source: EndpointSource;
  /** As it is now, with what admins changed. */
  readonly description: EndpointDescription;
  readonly drained: CatalogEntry['drained'];
  readonly changed: CatalogEntry['changed'] | null;
  /** The most that the configuration lets an admin set each to; null for an endpoint that an admin registered. */
  readonly bounds: Readonly<Record<Tunable, number | null>> | null;
}

/** All endpoints that there are, for people: the configuration's first, then those that admins registered. */
@Injectable()
export class EndpointDirectory {
  private readonly configured: readonly EndpointDescription[];

  constructor(
    @Inject(RegisteredEndpoints) private readonly registered: RegisteredEndpoints,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(DEMO_ENDPOINT_URL) demoUrl: string | null,
  ) {
    this.configured = configuredDescriptions(config, demoUrl);
  }

  list(): KnownEndpoint[] {
    return [
      ...this.configured.map((endpoint) => this.fromConfiguration(endpoint)),
      ...this.registered.registered().map((endpoint) => this.fromApi(endpoint)),
    ];
  }

  find(name: string): KnownEndpoint | null {
    return this.list().find(({ description }) => description.name === name) ?? null;
  }

  /** What admins changed of one that the configuration names. */
  tuningOf(name: string): EndpointTuning {
    return this.registered.entry(name)?.tuning ?? {};
  }

  private fromConfiguration(endpoint: EndpointDescription): KnownEndpoint {
    const settings = settingsOf(endpoint);
    const { weight, rpm, tpm, places } = tuned(settings, this.tuningOf(endpoint.name));
    return {
      ...this.said(endpoint.name),
      source: this.config.endpoints.length > 0 ? 'configuration' : 'demo',
      description: { ...endpoint, weight, rpm, tpm, max_concurrency: places },
      bounds: fileBounds(settings),
    };
  }

  private fromApi(description: EndpointDescription): KnownEndpoint {
    return { ...this.said(description.name), source: 'api', description, bounds: null };
  }

  private said(name: string): Pick<KnownEndpoint, 'drained' | 'changed'> {
    const entry = this.registered.entry(name);
    return { drained: entry?.drained ?? null, changed: entry?.changed ?? null };
  }
}
