import { Inject, Injectable } from '@nestjs/common';
import { DEMO_MODELS } from '../../demo-model/demo-models.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';

/**
 * The models that messages may wait for: of the configuration, of the endpoints that admins registered, and what workers say
 * that they serve. Not of the workers alone, since there may be none, which is what a scheduler is to change.
 */
@Injectable()
export class KnownModels {
  private readonly registered = new Map<string, readonly string[]>();
  private readonly configured: readonly string[];

  constructor(
    @Inject(SERVICE_CONFIG) { endpoints, demo }: Pick<ServiceConfig, 'endpoints' | 'demo'>,
    @Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>,
    @Inject(WorkerRegistry) private readonly workers: Pick<WorkerRegistry, 'models'>,
  ) {
    const named = endpoints.flatMap(({ models }) =>
      models.map((model) => (typeof model === 'string' ? model : model.name)),
    );
    this.configured = endpoints.length === 0 && demo.enabled ? [...DEMO_MODELS] : named;
    follower.on('llmq.admin.endpoint-set.v1', ({ subject, data: { endpoint } }) => {
      this.registered.set(
        subject,
        endpoint.models.map(({ name }) => name),
      );
    });
    follower.on('llmq.admin.endpoint-removed.v1', ({ subject }) => void this.registered.delete(subject));
  }

  /** Each once, in a fixed order; the first is the default of messages that name none. */
  get all(): readonly string[] {
    const known = new Set([...this.configured, ...[...this.registered.values()].flat()]);
    const others = [...this.workers.models].filter((model) => !known.has(model)).sort();
    return [...known, ...others];
  }

  isDefault(model: string): boolean {
    return this.all[0] === model;
  }
}
