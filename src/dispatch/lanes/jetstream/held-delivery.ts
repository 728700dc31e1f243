import { ACK, type AckReply, handBackReply, IN_PROGRESS } from '../../../broker/acks.js';
import type { Lane } from '../../../domain/message/lane.policy.js';
import type { MessagePrioritized, ModelRequest } from '../../../domain/message/message.events.js';
import { MalformedEventError } from '../../../log/event-log.errors.js';
import { decodeRecord } from '../../../log/log-record.js';
import type { LaneDelivery } from '../lane.port.js';

/** What a record on a lane's subject says. */
export interface LaneRecord {
  /** Of `event`, in the log. */
  readonly sequence: number;
  readonly event: MessagePrioritized;
  readonly request: ModelRequest | null;
  readonly conversationId: string | null;
  readonly userId: string | null;
  readonly streamed: boolean | null;
}

/**
 * A record is filed under its last event; the one before it, if any, is the same message's MessageReceived.
 * @throws {MalformedEventError} for anything else
 */
export function laneRecord(bytes: Uint8Array, streamSequence: number): LaneRecord {
  const events = decodeRecord(bytes, streamSequence);
  const { sequence, event } = events[events.length - 1]!;
  if (event.type !== 'llmq.message.prioritized.v1') {
    throw new MalformedEventError(`${event.type} on a lane's subject`, sequence);
  }
  const first = events[0]!.event;
  const received =
    first.type === 'llmq.message.received.v1' && first.subject === event.subject ? first.data : null;
  return {
    sequence,
    event,
    request: received?.request ?? null,
    conversationId: received?.conversation_id ?? null,
    userId: received?.user_id ?? null,
    streamed: received?.stream ?? null,
  };
}

/** What a held delivery needs of the feed that holds it. */
export interface Holder {
  release(sequence: number): void;
  /** It goes back into its lane: at once, or `untouched` as well. */
  returned(delivery: HeldDelivery, untouched: boolean): void;
  /** Never throws. */
  respond(reply: string, payload: AckReply): void;
}

/** A delivery between its arrival and its ack or hand-back, and the extension of its deadline. */
export class HeldDelivery implements LaneDelivery {
  private reply: string;
  /** False until the first round of extensions after the arrival, whose deadline is still far. */
  private isDue = false;
  private isHeld = true;
  private lost = false;
  readonly arrivedAt = performance.now();

  constructor(
    private readonly holder: Holder,
    reply: string,
    readonly lane: Lane,
    /** The broker's own, by which the feed knows it. */
    readonly streamSequence: number,
    private readonly content: LaneRecord,
    readonly delivery: number,
    readonly inDoubtUpTo: number | null,
    /** As the broker counts, also those in which nothing was done with the message. */
    private brokersCount: number,
  ) {
    this.reply = reply;
  }

  get sequence(): number {
    return this.content.sequence;
  }

  get event(): MessagePrioritized {
    return this.content.event;
  }

  get request(): ModelRequest | null {
    return this.content.request;
  }

  get conversationId(): string | null {
    return this.content.conversationId;
  }

  get userId(): string | null {
    return this.content.userId;
  }

  get streamed(): boolean | null {
    return this.content.streamed;
  }

  ack(): void {
    this.end(ACK);
  }

  handBack(delayMs = 0): void {
    if (!this.isHeld || this.lettingGo()) return;
    this.end(handBackReply(delayMs));
    if (delayMs === 0) this.holder.returned(this, false);
  }

  putBack(): void {
    if (!this.isHeld || this.lettingGo()) return;
    this.end(handBackReply(0));
    this.holder.returned(this, true);
  }

  /** The broker took us for dead and delivered it again, to us: one run is enough, answered under the newer delivery. */
  redelivered(reply: string, brokersCount: number): void {
    this.reply = reply;
    this.brokersCount = brokersCount;
    this.lost = false;
  }

  get isLost(): boolean {
    return this.lost;
  }

  get answeredUnder(): string {
    return this.reply;
  }

  lose(): void {
    this.lost = true;
  }

  /** The count of the next delivery, if no other worker has it in between. */
  get nextCount(): number {
    return this.brokersCount + 1;
  }

  extendDeadline(): void {
    if (this.isDue && !this.lost) this.holder.respond(this.reply, IN_PROGRESS);
    this.isDue = true;
  }

  /** The broker would take it from whoever has it now. */
  private lettingGo(): boolean {
    if (!this.lost) return false;
    this.isHeld = false;
    this.holder.release(this.streamSequence);
    return true;
  }

  private end(payload: AckReply): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.holder.release(this.streamSequence);
    this.holder.respond(this.reply, payload);
  }
}
