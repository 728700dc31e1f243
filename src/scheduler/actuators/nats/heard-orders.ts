import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { broadcast, onBroadcast } from '../../../broker/broadcasts.js';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { NATS } from '../../../platform/tokens.js';

/** Core NATS, captured by no stream: an order that stands is told again and again. */
const ORDERS = 'llmq.scheduler.orders';

const toldSchema = z.object({
  /** One run of one scheduler. */
  scheduler: z.string().min(1),
  term: z.number().int().nonnegative(),
  slots: z.number().int().nonnegative(),
});

/** What the schedulers tell each other of their orders, so that one that was cut off learns that its time is over. */
@Injectable()
export class HeardOrders {
  private readonly name: string;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SOURCES) sources: Pick<Sources, 'newId'>,
  ) {
    this.name = sources.newId();
  }

  /** Whether the connection stands. Without it nothing is heard of workers either. */
  get isConnected(): boolean {
    return ConnectionWatch.of(this.nats).up;
  }

  /** Nothing while the connection ends. */
  tell(order: { readonly term: number; readonly slots: number }): void {
    broadcast(this.nats, ORDERS, { scheduler: this.name, term: order.term, slots: order.slots });
  }

  /** Orders of others. @returns ends the listening */
  listen(heard: (term: number) => void): () => void {
    return onBroadcast(this.nats, ORDERS, toldSchema, ({ scheduler, term }) => {
      if (scheduler !== this.name) heard(term);
    });
  }
}
