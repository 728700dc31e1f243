import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { handBackReply } from '../../../broker/acks.js';
import { broadcast, onBroadcast } from '../../../broker/broadcasts.js';
import { NATS } from '../../../platform/tokens.js';

/** Core NATS, captured by no stream: a list that nobody heard is made good by the next. */
const HELD = 'llmq.workers.held';
const LOST = 'llmq.workers.lost';
const MOST_REPLIES = 4_000;

const heldSchema = z.object({
  /** One run of one worker, for as long as nobody may have taken it for gone. */
  worker: z.string().min(1),
  /** The subjects under which the broker is answered for what it holds. */
  replies: z.array(z.string().startsWith('$JS.ACK.')).max(MOST_REPLIES),
});
const lostSchema = z.object({ worker: z.string().min(1) });

export interface HeldListener {
  held(worker: string, replies: readonly string[]): void;
  /** The messages of this worker went to others. */
  lost(worker: string): void;
}

/** How workers tell each other what they hold, so that it can be handed on when one of them is gone. */
@Injectable()
export class HeldLists {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  tell(worker: string, replies: readonly string[]): void {
    broadcast(this.nats, HELD, { worker, replies: replies.slice(0, MOST_REPLIES) });
  }

  tellLost(worker: string): void {
    broadcast(this.nats, LOST, { worker });
  }

  /** Has the broker deliver again, at once, what was delivered under these. Nothing while the connection ends. */
  handOn(replies: readonly string[]): void {
    if (this.nats.isClosed() || this.nats.isDraining()) return;
    for (const reply of replies) this.nats.publish(reply, handBackReply(0));
  }

  /** @returns ends the listening */
  listen(listener: HeldListener): () => void {
    const endings = [
      onBroadcast(this.nats, HELD, heldSchema, ({ worker, replies }) => listener.held(worker, replies)),
      onBroadcast(this.nats, LOST, lostSchema, ({ worker }) => listener.lost(worker)),
    ];
    return () => {
      for (const end of endings) end();
    };
  }
}
