import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { SlotOrders } from '../../dispatch/workers/nats/slot-orders.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { assertNever } from '../../domain/assert-never.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import type { Actuator } from './actuator.port.js';
import { kubernetesActuator } from './kubernetes/kubernetes-actuator.js';
import { HeardOrders } from './nats/heard-orders.js';
import { NoneActuator } from './none-actuator.js';
import { processesActuator } from './processes/processes-actuator.js';
import { SlotsActuator } from './slots-actuator.js';

/** Makes the actuator that the configuration names. */
@Injectable()
export class Actuators {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(SlotOrders) private readonly slotOrders: SlotOrders,
    @Inject(HeardOrders) private readonly orders: HeardOrders,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws {KubernetesError} where Kubernetes shall be scaled and can't be reached from here */
  async configured(): Promise<Actuator> {
    const { scheduler, queue, server } = this.config;
    const startDelayMs = scheduler.start_delay_ms;
    const slotsPerWorker = scheduler.slots_per_worker ?? queue.worker.concurrency;
    switch (scheduler.actuator) {
      case 'none':
        return new NoneActuator(this.workers, startDelayMs);
      case 'slots':
        return new SlotsActuator(this.workers, this.slotOrders);
      case 'processes': {
        const { max: maxProcesses, drain_timeout_ms: drainTimeoutMs } = scheduler.processes;
        return processesActuator(
          { ...this.parts, config: this.config, env: process.env },
          {
            ...{ maxProcesses, drainTimeoutMs, slotsPerWorker, startDelayMs },
            shutdownTimeoutMs: server.shutdown_timeout_ms,
          },
        );
      }
      case 'kubernetes':
        return kubernetesActuator(this.parts, { ...scheduler.kubernetes, slotsPerWorker, startDelayMs });
      default:
        return assertNever(scheduler.actuator);
    }
  }

  private get parts() {
    const { workers, orders, sources, logger } = this;
    return { workers, orders, sources, logger };
  }
}
