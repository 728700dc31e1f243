import { jetstreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { DurableConsumer } from './ensure-consumer.js';
import { Pull } from './pull.js';
import { watchConnection } from './watch-connection.js';

const WATCH_EVERY_MS = 1_000;

export interface ConsumerFeedOptions {
  readonly stream: string;
  readonly consumer: DurableConsumer;
  /** Messages handled at once. */
  readonly capacity: number;
  /** Sees a message to its acknowledgement, by `respond`. Must not reject. */
  readonly handle: (message: Msg) => Promise<void>;
}

/** Handles the messages of a durable consumer as they come, several at once, whose processes share them. */
export class ConsumerFeed {
  private pull: Pull | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly handling = new Set<Promise<void>>();

  constructor(
    private readonly nats: NatsConnection,
    private readonly options: ConsumerFeedOptions,
    private readonly logger: Logger,
  ) {}

  /** @throws when the consumer can't be created */
  async start(): Promise<void> {
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    const { stream, consumer, capacity } = this.options;
    const pullOptions = {
      ...{ stream, consumer, capacity },
      buffered: () => this.handling.size,
      onMessage: (message: Msg) => this.received(message),
    };
    const pull = new Pull(this.nats, manager, pullOptions, this.logger);
    this.pull = pull;
    await pull.start();
    void watchConnection(this.nats, pull);
    this.timer = setInterval(() => pull.watch(), WATCH_EVERY_MS);
  }

  /** No message is handed to `handle` after this has resolved. */
  async stopTaking(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.pull?.stop();
  }

  /** Resolves when what is under way is handled. */
  async idle(): Promise<void> {
    await Promise.all(this.handling);
  }

  /** Takes no more, and sees what is under way to its end. */
  async stop(): Promise<void> {
    await this.stopTaking();
    await this.idle();
  }

  /** Never throws: an acknowledgement that is lost means a redelivery. */
  respond(message: Msg, reply: string): void {
    try {
      message.respond(reply);
    } catch (error) {
      this.logger.debug({ err: error }, 'an acknowledgement was not sent');
    }
  }

  private received(message: Msg): void {
    const work = this.options.handle(message).finally(() => {
      this.handling.delete(work);
      this.pull?.demand();
    });
    this.handling.add(work);
  }
}
