import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type AckReply, type Delivery, handBackReply, UNDECODABLE } from '../../../broker/acks.js';
import { ensureConsumer } from '../../../broker/ensure-consumer.js';
import { Pull } from '../../../broker/pull.js';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import type { Lane } from '../../../domain/message/lane.policy.js';
import { positionOf } from '../../../log/log-position.js';
import type { LaneDelivery, LaneView } from '../lane.port.js';
import { HeldDelivery, type LaneRecord, laneRecord } from './held-delivery.js';
import { routeConsumer } from './route-consumers.js';

export interface RouteFeedOptions {
  readonly ackWaitMs: number;
  readonly onChange: () => void;
  /** The last position of the log now; messages up to it may have been handed out and acked before. */
  readonly lastPosition: (manager: JetStreamManager) => Promise<number>;
}

/** An answer that takes longer is not waited for: what else is ready goes first. */
const ANSWERED_WITHIN_MS = 50;
/** So long after the broker said that there is nothing, that is still taken for true. */
const NOTHING_FOR_MS = 20;
/** Messages that were put back untouched, of one feed: more are hardly ever fetched for nothing. */
const PUT_BACK_KEPT = 1_000;

/** How most lanes look, most of the time. */
const EMPTY: LaneView = {
  ready: 0,
  supposed: false,
  undecided: false,
  unanswered: false,
  awaited: false,
};
const AWAITED: LaneView = { ...EMPTY, awaited: true };

/** What was told of a message when it was first handed to this worker, which did nothing with it. */
interface PutBack {
  readonly nextCount: number;
  readonly delivery: number;
  readonly inDoubtUpTo: number | null;
}

/**
 * One lane's messages for one model, as this worker reads them. It has no more of them than it was asked to fetch: first
 * those that are there at once, which the broker answers without delay, and where there are none, those that come.
 *
 * What was taken is remembered until it is acked or handed back, for the extension of its deadline and to know it again
 * if the broker delivers it twice.
 */
export class RouteFeed {
  /** Undecodable messages taken off the lane. */
  undecodable = 0;
  private readonly waiting: HeldDelivery[] = [];
  private readonly held = new Map<number, HeldDelivery>();
  private readonly putBack = new LRUCache<number, PutBack>({ max: PUT_BACK_KEPT });
  private readonly pull: Pull;
  private inDoubtUpTo = 0;
  private stopped = false;
  /** Messages that were asked for and have not come. */
  private wanted = 0;
  /** What was asked for is what is there at once; else what comes. */
  private atOnce = true;
  /** When it was asked last, or something told last that there is more. */
  private askedAt = 0;
  private nothingAt = Number.NEGATIVE_INFINITY;
  private supposed = false;

  constructor(
    readonly lane: Lane,
    readonly route: string,
    private readonly nats: NatsConnection,
    private readonly options: RouteFeedOptions,
    private readonly logger: Logger,
  ) {
    const ensure = ensureConsumer(EVENTS_STREAM, routeConsumer(lane, route, options.ackWaitMs));
    const pullOptions = {
      stream: EVENTS_STREAM,
      consumer: async (manager: JetStreamManager) => {
        const name = await ensure(manager);
        // A consumer's state reaches the broker's disk a moment after its messages and acks, so a killed broker, or one
        // whose consumer had to be created again, hands out as new what was called and acked before. Messages that are
        // stored after this moment can't be among them.
        this.inDoubtUpTo = await options.lastPosition(manager);
        return name;
      },
      wanted: (outstanding: number) => this.wanted - outstanding,
      onMessage: (message: Msg, delivery: Delivery) => this.received(message, delivery),
      atOnce: () => this.atOnce,
      onNothing: () => this.nothing(),
      mayRest: true,
    };
    this.pull = new Pull(nats, pullOptions, logger);
  }

  /** @throws when the consumer can't be made sure of */
  start(): Promise<void> {
    return this.pull.start();
  }

  /** As `start`, but as soon as the broker lets it. */
  begin(): void {
    this.pull.begin();
  }

  get view(): LaneView {
    const ready = this.waiting.length;
    const { supposed, atOnce } = this;
    if (ready > 0 || this.wanted === 0) {
      if (ready === 0 && !supposed) return EMPTY;
      return { ready, supposed, undecided: false, unanswered: false, awaited: false };
    }
    const awaited = !atOnce && this.wanted > 1;
    if (!atOnce && !supposed) return awaited ? AWAITED : EMPTY;
    // With a request open, what there is comes at once. What does not come, another worker has.
    const isRecent = performance.now() - this.askedAt < ANSWERED_WITHIN_MS;
    const undecided = atOnce && isRecent;
    return { ready, supposed: supposed && isRecent, undecided, unanswered: atOnce, awaited };
  }

  get head(): HeldDelivery | undefined {
    return this.waiting[0];
  }

  /** Nothing that it delivered is in anybody's hands. */
  get isFree(): boolean {
    return this.held.size === 0;
  }

  take(): LaneDelivery | undefined {
    return this.waiting.shift();
  }

  want(count: number): void {
    const expected = this.waiting.length + this.wanted;
    const more = count - expected;
    // What is asked for at once is answered at once, and its answer tells whether it is worth asking again.
    if (more <= 0 || this.stopped || (this.wanted > 0 && this.atOnce)) return;
    // Requests are few and large.
    if (expected > count / 2) return;
    const now = performance.now();
    if (this.wanted === 0) this.atOnce = now - this.nothingAt > NOTHING_FOR_MS;
    this.askedAt = now;
    this.wanted += more;
    this.pull.demand();
  }

  /** Puts back what is ready, in its order, where the first of it has been here for so long. Returns how long it still may be. */
  putBackAfter(ms: number): number | null {
    const first = this.waiting[0];
    if (first === undefined) return null;
    // What is on its way lies behind what is ready, and would go before it. It goes back with it, in their order.
    const answeredAt = this.wanted > 0 && this.atOnce ? this.askedAt + ANSWERED_WITHIN_MS : 0;
    const left = Math.max(first.arrivedAt + ms, answeredAt) - performance.now();
    if (left > 0) return left;
    for (const delivery of this.waiting.splice(0)) delivery.putBack();
    return null;
  }

  extendDeadlines(): void {
    for (const delivery of this.held.values()) delivery.extendDeadline();
  }

  repliesHeld(forMs: number): string[] {
    const until = performance.now() - forMs;
    const held = [...this.held.values()].filter(({ arrivedAt }) => arrivedAt <= until);
    return held.map(({ answeredUnder }) => answeredUnder);
  }

  lose(replies: ReadonlySet<string>): void {
    for (const delivery of this.held.values()) if (replies.has(delivery.answeredUnder)) delivery.lose();
  }

  async stopTaking(): Promise<void> {
    this.stopped = true;
    this.wanted = 0;
    for (const delivery of this.waiting.splice(0)) delivery.putBack();
    await this.pull.stop();
  }

  release(sequence: number): void {
    this.held.delete(sequence);
  }

  returned(delivery: HeldDelivery, untouched: boolean): void {
    this.supposed = true;
    this.askedAt = performance.now();
    this.nothingAt = Number.NEGATIVE_INFINITY;
    const { streamSequence, nextCount, delivery: told, inDoubtUpTo } = delivery;
    if (untouched) this.putBack.set(streamSequence, { nextCount, delivery: told, inDoubtUpTo });
  }

  respond(reply: string, payload: AckReply): void {
    try {
      this.nats.publish(reply, payload);
    } catch (error) {
      // The connection is closed for good: the broker hands the message to another worker after its ack deadline.
      this.logger.debug({ err: error, lane: this.lane }, 'an acknowledgement was not sent');
    }
  }

  private nothing(): void {
    this.wanted = 0;
    this.supposed = false;
    this.nothingAt = performance.now();
    this.options.onChange();
  }

  private received(message: Msg, delivery: Delivery): void {
    this.wanted = Math.max(0, this.wanted - 1);
    this.supposed = delivery.pending > 0;
    if (this.supposed) this.askedAt = performance.now();
    if (this.wanted === 0) this.nothingAt = Number.NEGATIVE_INFINITY;
    const reply = message.reply ?? '';
    const known = this.held.get(delivery.streamSequence);
    if (known !== undefined) known.redelivered(reply, delivery.delivery);
    else if (this.stopped) this.respond(reply, handBackReply(0));
    else this.hold(message, reply, delivery);
    this.options.onChange();
  }

  private hold(message: Msg, reply: string, { streamSequence: sequence, delivery: count }: Delivery): void {
    const record = this.decode(message, reply, sequence);
    if (record === null) return;
    const { delivery, inDoubtUpTo } = this.toldOf(sequence, count);
    const held = new HeldDelivery(this, reply, this.lane, sequence, record, delivery, inDoubtUpTo, count);
    this.held.set(sequence, held);
    // Almost always the last. What comes back after what lies behind it goes before that.
    let at = this.waiting.length;
    while (at > 0 && this.waiting[at - 1]!.streamSequence > sequence) at -= 1;
    this.waiting.splice(at, 0, held);
  }

  /** A message that only this worker has had, and put back untouched, is what it was. */
  private toldOf(sequence: number, count: number): Pick<PutBack, 'delivery' | 'inDoubtUpTo'> {
    const before = this.putBack.get(sequence);
    this.putBack.delete(sequence);
    if (before?.nextCount === count) return before;
    const inDoubt = count === 1 && positionOf(sequence) <= this.inDoubtUpTo;
    return { delivery: count, inDoubtUpTo: inDoubt ? this.inDoubtUpTo : null };
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
