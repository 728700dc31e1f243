import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import type { DeploymentStatus } from '../../dispatch/endpoints/health/endpoint-watches.js';
import { added, type CallCounts, NO_CALLS } from '../../dispatch/endpoints/stats/call-counts.state.js';
import { EndpointFigures } from '../../dispatch/endpoints/stats/nats/endpoint-figures.js';
import { EndpointDirectory, type KnownEndpoint } from './endpoint-directory.js';
import { type Resources, resourcesOf } from './resources.policy.js';

export interface ModelStats {
  readonly model: string;
  readonly counts: CallCounts;
  /** Null while no process here has it, such as in the moment after its registration. */
  readonly status: DeploymentStatus | null;
}

export interface EndpointStatsView {
  readonly name: string;
  readonly state: 'healthy' | 'degraded' | 'unhealthy' | 'draining';
  readonly places: number;
  readonly counts: CallCounts;
  readonly models: readonly ModelStats[];
}

/** How endpoints do, over all workers, from what these tell: the log and the tables are not read for it. */
@Injectable()
export class EndpointStats {
  constructor(
    @Inject(EndpointDirectory) private readonly directory: EndpointDirectory,
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(EndpointFigures) private readonly figures: EndpointFigures,
  ) {}

  of({ description: { name, models, max_concurrency }, drained }: KnownEndpoint): EndpointStatsView {
    const counts = this.figures.of(name);
    const statuses = this.registry.watches.statuses().filter(({ endpoint }) => endpoint === name);
    const states = statuses.map(({ state }) => state);
    return {
      name,
      state: drained === null ? stateOf(states) : 'draining',
      places: max_concurrency,
      // Models that it served before count, too.
      counts: [...counts.values()].reduce(added, NO_CALLS),
      models: models.map(({ name: model }) => ({
        model,
        counts: counts.get(model) ?? NO_CALLS,
        status: statuses.find((status) => status.model === model) ?? null,
      })),
    };
  }

  resources(): Resources {
    const all = this.directory.list();
    const views = all.map((known) => this.of(known));
    const rooms = views.map(({ name, places, counts }) => ({
      endpoint: name,
      places,
      taken: counts.running,
    }));
    const deployments = views.flatMap(({ name, state, models }, at) =>
      models.map(({ model, counts, status }, index) => ({
        ...{ endpoint: name, model, running: counts.running },
        capabilities: all[at]?.description.models[index]?.capabilities ?? [],
        serves:
          state !== 'draining' &&
          status !== null &&
          status.state !== 'unhealthy' &&
          status.state !== 'draining' &&
          status.coolsForMs === 0,
      })),
    );
    return resourcesOf(rooms, deployments);
  }
}

function stateOf(states: readonly DeploymentStatus['state'][]): EndpointStatsView['state'] {
  if (states.length > 0 && states.every((state) => state === 'unhealthy')) return 'unhealthy';
  if (states.length > 0 && states.every((state) => state === 'draining')) return 'draining';
  return states.every((state) => state === 'healthy') ? 'healthy' : 'degraded';
}
