import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { onBroadcast } from '../../../broker/broadcasts.js';
import { NATS } from '../../../platform/tokens.js';

/** Core NATS, captured by no stream: who gives an order repeats it until the beats tell that it was heard. */
const ORDERS = 'llmq.workers.slots';

const slotOrderSchema = z.object({
  /** Of the leader that orders; an older one than a worker has heard of is refused. */
  term: z.number().int().positive(),
  /** By worker. Those that are not named stay as they are. */
  slots: z.record(z.string(), z.number().int().nonnegative().max(100_000)),
});
export type SlotOrder = z.infer<typeof slotOrderSchema>;

/** How the size that a scheduler wants reaches the workers. */
@Injectable()
export class SlotOrders {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  /** @throws while the connection ends */
  give(order: SlotOrder): void {
    this.nats.publish(ORDERS, JSON.stringify(order));
  }

  /** @returns ends the listening */
  listen(heard: (order: SlotOrder) => void): () => void {
    return onBroadcast(this.nats, ORDERS, slotOrderSchema, heard);
  }
}
