import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { type AckReply, type Delivery, handBackReply, UNDECODABLE } from '../../../broker/acks.js';
import { ensureConsumer } from '../../../broker/ensure-consumer.js';
import { capacityLeft, Pull } from '../../../broker/pull.js';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import type { Lane } from '../../../domain/message/message.events.js';
import { positionOf } from '../../../log/log-position.js';
import type { LaneDelivery } from '../lane.port.js';
import { HeldDelivery, type LaneRecord, laneRecord } from './held-delivery.js';
import { laneConsumer } from './lane-consumers.js';

export interface LaneFeedOptions {
  readonly prefetch: number;
  readonly ackWaitMs: number;
  readonly onReady: () => void;
}

/**
 * One lane as this worker reads it: up to `prefetch` messages wait here in the order of the lane, and what was taken is
 * remembered until it is acked or handed back, for the extension of its deadline and to know it again if the broker
 * delivers it twice.
 */
export class LaneFeed {
  /** Undecodable messages taken off the lane. */
  undecodable = 0;
  private readonly waiting: HeldDelivery[] = [];
  private readonly held = new Map<number, HeldDelivery>();
  private readonly pull: Pull;
  private inDoubtUpTo = 0;
  private stopped = false;

  constructor(
    readonly lane: Lane,
    private readonly nats: NatsConnection,
    private readonly options: LaneFeedOptions,
    private readonly logger: Logger,
  ) {
    const ensure = ensureConsumer(EVENTS_STREAM, laneConsumer(lane, options.ackWaitMs));
    const pullOptions = {
      stream: EVENTS_STREAM,
      consumer: async (manager: JetStreamManager) => {
        const name = await ensure(manager);
        await this.noteWhatIsInDoubt(manager);
        return name;
      },
      wanted: (outstanding: number) => capacityLeft(options.prefetch, this.waiting.length + outstanding),
      onMessage: (message: Msg, delivery: Delivery) => this.received(message, delivery),
    };
    this.pull = new Pull(nats, pullOptions, logger);
  }

  start(): Promise<void> {
    return this.pull.start();
  }

  get ready(): number {
    return this.waiting.length;
  }

  take(): LaneDelivery | undefined {
    const delivery = this.waiting.shift();
    if (delivery !== undefined) this.pull.demand();
    return delivery;
  }

  extendDeadlines(): void {
    for (const delivery of this.held.values()) delivery.extendDeadline();
  }

  async stopTaking(): Promise<void> {
    this.stopped = true;
    for (const delivery of this.waiting.splice(0)) delivery.handBack();
    await this.pull.stop();
  }

  release(sequence: number): void {
    this.held.delete(sequence);
  }

  respond(reply: string, payload: AckReply): void {
    try {
      this.nats.publish(reply, payload);
    } catch (error) {
      // The connection is closed for good: the broker hands the message to another worker after its ack deadline.
      this.logger.debug({ err: error, lane: this.lane }, 'an acknowledgement was not sent');
    }
  }

  /**
   * A consumer's state reaches the broker's disk a moment after its messages and acks, so a killed broker, or one whose
   * consumer had to be created again, hands out as new what was called and acked before. Messages that are stored
   * after this moment can't be among them.
   */
  private async noteWhatIsInDoubt({ streams }: JetStreamManager): Promise<void> {
    this.inDoubtUpTo = positionOf((await streams.info(EVENTS_STREAM)).state.last_seq);
  }

  private received(message: Msg, delivery: Delivery): void {
    const reply = message.reply ?? '';
    const known = this.held.get(delivery.streamSequence);
    if (known !== undefined) known.redelivered(reply);
    else if (this.stopped) this.respond(reply, handBackReply(0));
    else this.hold(message, reply, delivery);
  }

  private hold(message: Msg, reply: string, { streamSequence: sequence, delivery }: Delivery): void {
    const record = this.decode(message, reply, sequence);
    if (record === null) return;
    const inDoubtUpTo = delivery === 1 && positionOf(sequence) <= this.inDoubtUpTo ? this.inDoubtUpTo : null;
    const held = new HeldDelivery(this, reply, this.lane, sequence, record, delivery, inDoubtUpTo);
    this.held.set(sequence, held);
    this.waiting.push(held);
    this.options.onReady();
  }

  /** One record that no version understands must not block all that comes after it. It stays in the log. */
  private decode(message: Msg, reply: string, sequence: number): LaneRecord | null {
    try {
      return laneRecord(message.data, sequence);
    } catch (error) {
      this.undecodable += 1;
      this.logger.error(
        { err: error, lane: this.lane, sequence },
        'took an undecodable message off its lane',
      );
      this.respond(reply, UNDECODABLE);
      return null;
    }
  }
}
