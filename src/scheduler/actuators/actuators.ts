import { Inject, Injectable } from '@nestjs/common';
import { SlotOrders } from '../../dispatch/workers/nats/slot-orders.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { Actuator } from './actuator.port.js';
import { NoneActuator } from './none-actuator.js';
import { SlotsActuator } from './slots-actuator.js';

/** Makes the actuator that the configuration names. */
@Injectable()
export class Actuators {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(SlotOrders) private readonly orders: SlotOrders,
  ) {}

  /** @throws where this version can't carry that out */
  configured(): Actuator {
    const { actuator, start_delay_ms: startDelayMs } = this.config.scheduler;
    switch (actuator) {
      case 'none':
        return new NoneActuator(this.workers, startDelayMs);
      case 'slots':
        return new SlotsActuator(this.workers, this.orders);
      default:
        throw new Error(`scheduler.actuator is ${actuator}, which this version can't carry out.`);
    }
  }
}
