import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { AckReply, Delivery } from './acks.js';
import { type DurableConsumer, ensureConsumer } from './ensure-consumer.js';
import { capacityLeft, Pull } from './pull.js';

export interface ConsumerFeedOptions {
  readonly stream: string;
  readonly consumer: DurableConsumer;
  /** Messages handled at once. */
  readonly capacity: number;
}

/** Handles the messages of a durable consumer as they come, several at once; all processes share the consumer. */
export abstract class ConsumerFeed {
  private readonly pull: Pull;
  private readonly handling = new Set<Promise<void>>();

  protected constructor(
    nats: NatsConnection,
    { stream, consumer, capacity }: ConsumerFeedOptions,
    protected readonly logger: Logger,
  ) {
    const options = {
      stream,
      consumer: ensureConsumer(stream, consumer),
      wanted: (outstanding: number) => capacityLeft(capacity, this.handling.size + outstanding),
      onMessage: (message: Msg, delivery: Delivery) => this.received(message, delivery),
    };
    this.pull = new Pull(nats, options, logger);
  }

  /** Sees a message through, and resolves with the answer for the broker. Must not reject. */
  protected abstract handle(message: Msg, delivery: Delivery): Promise<AckReply>;

  /** @throws when the consumer can't be created */
  async start(): Promise<void> {
    await this.pull.start();
  }

  /** Takes no more, and sees what is under way to its end. */
  async stop(): Promise<void> {
    await this.pull.stop();
    await Promise.all(this.handling);
  }

  private received(message: Msg, delivery: Delivery): void {
    const work = this.answer(message, delivery).finally(() => {
      this.handling.delete(work);
      this.pull.demand();
    });
    this.handling.add(work);
  }

  private async answer(message: Msg, delivery: Delivery): Promise<void> {
    const reply = await this.handle(message, delivery);
    try {
      message.respond(reply);
    } catch (error) {
      // The connection is closed for good: a lost acknowledgement means a redelivery.
      this.logger.debug({ err: error }, 'an acknowledgement was not sent');
    }
  }
}
