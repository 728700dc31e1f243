import type { SlotOrders } from '../../dispatch/workers/nats/slot-orders.js';
import type { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import type { Actuator } from './actuator.port.js';
import { splitSlots } from './split-slots.policy.js';

/** An order is carried out as soon as it is heard; the next beat tells of it. */
const HEARD_WITHIN_MS = 1_000;

/**
 * Gives the workers that run more slots or fewer, in equal parts. Workers that come later are in the next order, which the
 * leader repeats until the sum is right. Fewer slots cut no call: those that are too many end first.
 */
export class SlotsActuator implements Actuator {
  readonly kind = 'slots';
  readonly startDelayMs = HEARD_WITHIN_MS;

  constructor(
    private readonly workers: Pick<WorkerRegistry, 'sizes' | 'slots' | 'count'>,
    private readonly orders: Pick<SlotOrders, 'give'>,
  ) {}

  /** Null without a worker: nobody knows whether there is none, or whether none is heard. */
  async slots(): Promise<number | null> {
    return this.workers.count === 0 ? null : this.workers.slots;
  }

  async scale({ slots, term }: { readonly slots: number; readonly term: number }): Promise<void> {
    const workers = this.workers.sizes.map(({ worker }) => worker);
    if (workers.length === 0) throw new Error('No worker is heard that could be given slots.');
    this.orders.give({ term, slots: Object.fromEntries(splitSlots(slots, workers)) });
  }

  async close(): Promise<void> {}
}
