import type { AnswerPiece } from '../../domain/message/joined-answer.policy.js';
import { textIn } from './followed-answer.policy.js';

/** A message's state waits as one thing, however often it changes meanwhile. */
export interface QueuedStatus<S> {
  readonly type: 'status';
  readonly messageId: string;
  content: S;
}

export interface QueuedPiece {
  readonly type: 'piece';
  readonly messageId: string;
  /** The number of its position; of the last one where pieces were joined. */
  at: number;
  readonly attempt: number;
  delta: AnswerPiece;
  readonly model?: string;
}

export type Queued<S> =
  | QueuedStatus<S>
  | QueuedPiece
  | { readonly type: 'restart'; readonly messageId: string; readonly at: number }
  | {
      readonly type: 'ended';
      readonly messageId: string;
      readonly at: number;
      /** Of the terminal event. */
      readonly sequence: number;
    }
  /** Everything up to this sequence of the log was told. */
  | { readonly type: 'told'; readonly messageId: null; sequence: number };

export interface QueueLimits {
  readonly items: number;
  /** UTF-16 units of the pieces, as JSON. */
  readonly units: number;
}

/** About what a thing costs that waits, beside its text. */
const UNITS_OF_ITEM = 200;

/** What waits for one client, in the queues of all that it follows. */
export class ClientRoom {
  private units = 0;

  /** @param limit in UTF-16 units */
  constructor(private readonly limit: number) {}

  get isOverfull(): boolean {
    return this.units > this.limit;
  }

  get isHalfFull(): boolean {
    return 2 * this.units > this.limit;
  }

  take(units: number): void {
    this.units += units;
  }
}

/**
 * What a follower was not given yet. While it does not ask, what can be joined is: more text of one run, a newer state of a
 * message behind an older one. Within one message nothing changes places.
 */
export class FollowerQueue<S> {
  private items: Queued<S>[] = [];
  /** How many were taken off the front of `items`. */
  private taken = 0;
  private units = 0;
  /** The last thing that waits of each message. */
  private readonly last = new Map<string | null, Queued<S>>();

  /** @param room which it shares with the client's other queues, where it has some */
  constructor(
    private readonly limits: QueueLimits,
    private readonly room: ClientRoom | null = null,
  ) {}

  get size(): number {
    return this.items.length - this.taken;
  }

  /** More waits than may. */
  get isOverfull(): boolean {
    const isOverfull = this.size > this.limits.items || this.units > this.limits.units;
    return isOverfull || this.room?.isOverfull === true;
  }

  /**
   * More waits than a client leaves behind that reads at all. Never so of an empty queue, however full the others are: what is
   * taken out of those wakes nobody who waits for this one.
   */
  get isHalfFull(): boolean {
    const isHalfFull = 2 * this.size > this.limits.items || 2 * this.units > this.limits.units;
    return isHalfFull || (this.size > 0 && this.room?.isHalfFull === true);
  }

  add(item: Queued<S>): void {
    const before = this.last.get(item.messageId);
    if (item.type === 'piece') this.count(unitsOf(item));
    if (before !== undefined && this.isJoined(before, item)) return;
    this.room?.take(UNITS_OF_ITEM);
    this.items.push(item);
    this.last.set(item.messageId, item);
  }

  next(): Queued<S> | undefined {
    const item = this.items[this.taken];
    if (item === undefined) return undefined;
    this.taken += 1;
    this.room?.take(-UNITS_OF_ITEM);
    if (item.type === 'piece') this.count(-unitsOf(item));
    if (this.last.get(item.messageId) === item) this.last.delete(item.messageId);
    if (this.taken === this.items.length || this.taken > 1_000) {
      this.items = this.items.slice(this.taken);
      this.taken = 0;
    }
    return item;
  }

  /** Forgets what waits. */
  clear(): void {
    while (this.next() !== undefined);
  }

  private count(units: number): void {
    this.units += units;
    this.room?.take(units);
  }

  private isJoined(before: Queued<S>, item: Queued<S>): boolean {
    if (before.type === 'status' && item.type === 'status') {
      before.content = item.content;
      return true;
    }
    // Behind whatever was queued since: then all that it says was told.
    if (before.type === 'told' || item.type === 'told') return this.isStillLast(before, item);
    if (before.type !== 'piece' || item.type !== 'piece') return false;
    const joined = joinedDelta(before, item);
    if (joined === null) return false;
    this.count(-unitsOf(before) - unitsOf(item));
    before.delta = joined;
    before.at = item.at;
    this.count(unitsOf(before));
    return true;
  }

  private isStillLast(before: Queued<S>, item: Queued<S>): boolean {
    if (before.type !== 'told' || item.type !== 'told' || this.items.at(-1) !== before) return false;
    before.sequence = item.sequence;
    return true;
  }
}

/** A text of this many units is not joined with more. */
const LONG_ENOUGH = 16 * 1024;

/** Null where the two can't be said as one. */
function joinedDelta(one: QueuedPiece, other: QueuedPiece): AnswerPiece | null {
  if (one.attempt !== other.attempt || one.model !== other.model) return null;
  const more = textIn(other.delta);
  const text = textIn(one.delta);
  if (more === null || text === null || more.choice !== text.choice) return null;
  const joined: Record<string, unknown> = { ...one.delta };
  for (const name of more.fields) {
    const had = (one.delta[name] ?? '') as string;
    if (had.length > LONG_ENOUGH) return null;
    joined[name] = had + (other.delta[name] as string);
  }
  return joined;
}

function unitsOf({ delta }: QueuedPiece): number {
  let units = 0;
  for (const name in delta) {
    const value = delta[name];
    units += name.length + (typeof value === 'string' ? value.length : (JSON.stringify(value) ?? '').length);
  }
  return units;
}
