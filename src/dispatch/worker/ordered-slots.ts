import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../../platform/tokens.js';
import { type SlotOrder, SlotOrders } from '../workers/nats/slot-orders.js';
import { Worker } from './worker.js';
import { WorkerPulse } from './worker-pulse.js';

/**
 * Gives the worker the slots that the leader of the schedulers wants. Leaders follow each other in terms, and one that was
 * cut off may be heard after its successor, so what an older term orders is refused.
 */
@Injectable()
export class OrderedSlots {
  private term = 0;
  private wanted: number | null = null;
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(SlotOrders) private readonly orders: Pick<SlotOrders, 'listen'>,
    @Inject(WorkerPulse) private readonly pulse: Pick<WorkerPulse, 'name'>,
    @Inject(Worker) private readonly worker: Pick<Worker, 'resize'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  start(): void {
    this.endListening = this.orders.listen((order) => this.heard(order));
  }

  stop(): void {
    this.endListening?.();
    this.endListening = null;
  }

  private heard({ term, slots }: SlotOrder): void {
    if (term < this.term) return;
    this.term = term;
    const wanted = Object.hasOwn(slots, this.pulse.name) ? slots[this.pulse.name]! : null;
    if (wanted === null || wanted === this.wanted) return;
    this.logger.info({ slots: wanted, term }, 'the scheduler sets the slots of this worker');
    this.wanted = wanted;
    this.worker.resize(wanted);
  }
}
