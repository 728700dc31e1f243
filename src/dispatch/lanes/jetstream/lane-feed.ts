import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import type { Lane } from '../../../domain/message/message.events.js';
import { positionOf } from '../../../log/log-position.js';
import type { LaneDelivery } from '../lane.port.js';
import { type DeliveryInfo, parseAckSubject } from './ack-subject.js';
import { HeldDelivery, handBackReply } from './held-delivery.js';
import { laneConsumer } from './lane-consumers.js';
import { type LaneRecord, laneRecord } from './lane-record.js';
import { Pull } from './pull.js';

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
    private readonly manager: JetStreamManager,
    private readonly options: LaneFeedOptions,
    private readonly logger: Logger,
  ) {
    const pullOptions = {
      stream: EVENTS_STREAM,
      consumer: laneConsumer(lane, options.ackWaitMs),
      capacity: options.prefetch,
      buffered: () => this.waiting.length,
      beforeOpen: () => this.noteWhatIsInDoubt(),
      onMessage: (message: Msg) => this.received(message),
    };
    this.pull = new Pull(nats, manager, pullOptions, logger);
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

  watch(): void {
    this.pull.watch();
  }

  connectionLost(): void {
    this.pull.connectionLost();
  }

  connectionBack(): void {
    this.pull.connectionBack();
  }

  async stopTaking(): Promise<void> {
    this.stopped = true;
    for (const delivery of this.waiting.splice(0)) delivery.handBack();
    await this.pull.stop();
  }

  release(sequence: number): void {
    this.held.delete(sequence);
  }

  respond(reply: string, payload: Uint8Array | string): void {
    try {
      this.nats.publish(reply, payload);
    } catch (error) {
      // The connection is closed for good: the broker hands the message to another worker after its ack deadline.
      this.logger.debug({ err: error, lane: this.lane }, 'an acknowledgement was not sent');
    }
  }

  /**
   * A consumer's state reaches the broker's disk a moment after its messages and acks, so a killed broker, or one whose
   * consumer had to be created again, hands out as new what was called and acked before. Nothing that is stored after
   * this moment can be meant.
   */
  private async noteWhatIsInDoubt(): Promise<void> {
    this.inDoubtUpTo = positionOf((await this.manager.streams.info(EVENTS_STREAM)).state.last_seq);
  }

  private received(message: Msg): void {
    const reply = message.reply ?? '';
    const info = parseAckSubject(reply);
    const known = this.held.get(info.sequence);
    if (known !== undefined) known.redelivered(reply);
    else if (this.stopped) this.respond(reply, handBackReply(0));
    else this.hold(message, reply, info);
  }

  private hold(message: Msg, reply: string, { sequence, delivery }: DeliveryInfo): void {
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
      this.respond(reply, '+TERM undecodable');
      return null;
    }
  }
}
