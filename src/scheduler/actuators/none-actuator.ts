import type { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import type { Actuator } from './actuator.port.js';

/** Orders nothing: others read what is wanted, such as KEDA, or a person. */
export class NoneActuator implements Actuator {
  readonly kind = 'none';

  constructor(
    private readonly workers: Pick<WorkerRegistry, 'slots'>,
    readonly startDelayMs: number,
  ) {}

  async slots(): Promise<number> {
    return this.workers.slots;
  }

  async scale(): Promise<void> {}

  async close(): Promise<void> {}
}
