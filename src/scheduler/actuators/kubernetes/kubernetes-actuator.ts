import type { Logger } from 'pino';
import type { WorkerRegistry } from '../../../dispatch/workers/worker-registry.js';
import type { Sources } from '../../../platform/clock.js';
import type { Actuator } from '../actuator.port.js';
import type { HeardOrders } from '../nats/heard-orders.js';
import { NewestTerm } from '../order-terms.js';
import { type DeploymentPlace, DeploymentScale } from './deployment-scale.js';

export interface KubernetesSettings extends DeploymentPlace {
  /** `scheduler.slots_per_worker` */
  readonly slotsPerWorker: number;
  /** `scheduler.start_delay_ms`, until a start was seen. */
  readonly startDelayMs: number;
}

export interface KubernetesParts {
  readonly workers: Pick<WorkerRegistry, 'count'>;
  readonly orders: Pick<HeardOrders, 'tell' | 'listen'>;
  readonly sources: Pick<Sources, 'steadyMs'>;
  readonly logger: Logger;
}

/**
 * Slots are the replicas of one Deployment of workers. Kubernetes starts and ends them: a pod that goes is told by
 * SIGTERM, and finishes its calls within `server.shutdown_timeout_ms`.
 *
 * @throws {KubernetesError}
 */
export async function kubernetesActuator(
  parts: KubernetesParts,
  settings: KubernetesSettings,
): Promise<Actuator> {
  return new KubernetesActuator(parts, settings, await DeploymentScale.connect(settings));
}

class KubernetesActuator implements Actuator {
  readonly kind = 'kubernetes';
  startDelayMs: number;
  private readonly terms = new NewestTerm();
  private readonly endListening: () => void;
  private isReadable = true;
  /** Workers that were ordered, and how many there are when they have come. */
  private awaited: { readonly sinceMs: number; readonly workers: number } | null = null;

  constructor(
    private readonly parts: KubernetesParts,
    private readonly settings: KubernetesSettings,
    private readonly scaled: DeploymentScale,
  ) {
    this.startDelayMs = settings.startDelayMs;
    this.endListening = parts.orders.listen((term) => this.terms.heard(term));
  }

  async slots(): Promise<number | null> {
    this.lookForAwaited();
    try {
      const replicas = await this.scaled.replicas();
      if (!this.isReadable) this.parts.logger.info('the scale of the Deployment can be read again');
      this.isReadable = true;
      return replicas * this.settings.slotsPerWorker;
    } catch (error) {
      // Asked once a second.
      if (this.isReadable) this.parts.logger.warn((error as Error).message);
      this.isReadable = false;
      return null;
    }
  }

  async scale({ slots, term }: { readonly slots: number; readonly term: number }): Promise<void> {
    this.terms.accept(term);
    this.parts.orders.tell({ slots, term });
    const replicas = Math.ceil(slots / this.settings.slotsPerWorker);
    const before = await this.scaled.order(replicas);
    if (replicas === before) return;
    const { sources, workers } = this.parts;
    const added = replicas - before;
    this.awaited = added > 0 ? { sinceMs: sources.steadyMs(), workers: workers.count + added } : null;
  }

  async close(): Promise<void> {
    this.endListening();
  }

  private lookForAwaited(): void {
    const { awaited } = this;
    if (awaited === null || this.parts.workers.count < awaited.workers) return;
    this.startDelayMs = this.parts.sources.steadyMs() - awaited.sinceMs;
    this.awaited = null;
  }
}
