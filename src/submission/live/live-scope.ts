import type { MessageStanding, StandingsOf } from '../../projection/read/message-standings.js';
import type { ProjectionPosition } from '../../projection/read/projection-position.js';
import type { MessageLookup } from '../message-lookup.js';
import { refused } from '../refusal.js';
import { cursorText, type LiveCursor } from './live-cursor.policy.js';
import type { Watched } from './message-changes.js';
import type { OwnerReads } from './owner-reads.js';
import type { StandingReads } from './standing-reads.js';

/** Of messages that are read at a time. */
const PAGE = 200;

/**
 * What one follower follows, and where its client stands in it. What is found is told of one side; the ids are given out
 * on the other, when the client takes what was told.
 */
export interface LiveScope {
  readonly tenant: string;
  readonly watched: Watched;
  /** It has more than one message. */
  readonly isWide: boolean;
  /** All that changed up to this sequence of the log was told. */
  told: number;
  /** What `all` found last is at least as new as this sequence. */
  readonly seen: number;
  /**
   * The messages that are not known to be told of: those that have not ended, and those that ended behind `told`.
   *
   * @param first nothing was looked at before
   * @throws {RefusedError} `not_found` where there is nothing to follow (any more)
   */
  all(first: boolean): AsyncIterable<readonly MessageStanding[]>;
  /** The number of the last piece of this message that the client came with; undefined for none, and the second time. */
  take(messageId: string): number | undefined;
  /** Of a message that was there before, the client may have pieces, and it is not known which. */
  readonly cut: boolean;
  /** The client came with this end, which lies at this sequence. */
  knows(messageId: string, sequence: number): void;
  /** The client came with this end. */
  hasEnd(messageId: string, end: number): boolean;

  idNow(): string | null;
  idAt(messageId: string, at: number): string;
  idAtRestart(messageId: string, at: number): string;
  /** @param sequence of the terminal event */
  idAtEnd(messageId: string, at: number, sequence: number): string;
  reached(sequence: number): void;
}

export interface MessageSources {
  readonly reads: StandingReads;
  readonly lookup: MessageLookup;
}

/** One message. Its ids are the numbers of positions, and its states have none: the last one that was told comes first. */
export class MessageScope implements LiveScope {
  readonly watched: Watched;
  readonly isWide = false;
  readonly cut = false;
  told = 0;
  readonly seen = 0;
  private untaken: number | undefined;

  constructor(
    private readonly sources: MessageSources,
    readonly tenant: string,
    private readonly id: string,
    private readonly after: number,
  ) {
    this.watched = { kind: 'message', id };
    this.untaken = after;
  }

  async *all(first: boolean): AsyncIterable<readonly MessageStanding[]> {
    const { reads, lookup } = this.sources;
    let standing = await reads.read(this.id);
    // The projection may only be behind.
    if (standing === null && first) {
      await lookup.find(this.tenant, this.id);
      standing = await reads.read(this.id);
    }
    if (standing?.tenant !== this.tenant) throw refused('not_found', `There is no message ${this.id}.`);
    yield [standing];
  }

  take(): number | undefined {
    const { untaken } = this;
    this.untaken = undefined;
    return untaken;
  }

  hasEnd(_messageId: string, end: number): boolean {
    return this.after >= end;
  }

  idNow(): null {
    return null;
  }

  idAt(_messageId: string, at: number): string {
    return String(at);
  }

  idAtRestart(_messageId: string, at: number): string {
    return String(at);
  }

  idAtEnd(_messageId: string, at: number): string {
    return String(at);
  }

  knows(): void {}

  reached(): void {}
}

export interface ManySources {
  readonly standings: Pick<OwnerReads, 'open' | 'endedAfter'>;
  readonly position: Pick<ProjectionPosition, 'applied' | 'reread'>;
  /** @throws {RefusedError} `not_found` when what is followed is there no more */
  readonly check: () => Promise<void>;
}

/** The messages of a conversation or of a user. */
export class ManyScope implements LiveScope {
  readonly isWide = true;
  readonly cut: boolean;
  told: number;
  seen = 0;
  private readonly untaken: Map<string, number>;
  /** Of the client, by what it took: how far it has each answer, and which of these are ends, by their sequences. */
  private readonly answers: Map<string, number>;
  private readonly ends = new Map<string, number>();
  private reachedTo: number;

  constructor(
    private readonly sources: ManySources,
    readonly watched: Extract<Watched, { kind: 'conversation' | 'user' }>,
    private readonly after: LiveCursor | null,
  ) {
    this.told = after?.told ?? 0;
    this.cut = after?.cut ?? false;
    this.reachedTo = this.told;
    this.untaken = new Map(after?.answers);
    this.answers = new Map(after?.answers);
  }

  get tenant(): string {
    return this.watched.tenant;
  }

  async *all(first: boolean): AsyncIterable<readonly MessageStanding[]> {
    const { standings, position, check } = this.sources;
    await check();
    // Before anything was heard of it the position says nothing.
    if (position.applied < this.told || position.applied === 0) await position.reread();
    this.seen = position.applied;
    const { tenant, kind, id } = this.watched;
    const of: StandingsOf = { tenant, ...(kind === 'user' ? { userId: id } : { conversationId: id }) };
    const isNew = first && this.after === null;
    // Told by a log that was put back since: what comes in its place is to be told.
    if (first && this.seen > 0 && this.told > this.seen) this.told = this.reachedTo = this.seen;
    // Of what ended before it came, a client is told only where it has something of it.
    if (isNew) this.told = this.reachedTo = this.seen;
    yield* pages(
      (after) => standings.open(of, after, PAGE),
      ({ receivedSequence }) => receivedSequence,
      0,
    );
    if (isNew) return;
    const ended = (after: number) => standings.endedAfter(of, after, PAGE);
    yield* pages(ended, ({ terminalSequence }) => terminalSequence!, this.told);
  }

  take(messageId: string): number | undefined {
    const at = this.untaken.get(messageId);
    this.untaken.delete(messageId);
    return at;
  }

  hasEnd(messageId: string, end: number): boolean {
    return (this.after?.answers.get(messageId) ?? 0) >= end;
  }

  idNow(): string {
    return cursorText({ told: this.reachedTo, answers: this.answers, cut: this.cut });
  }

  idAt(messageId: string, at: number): string {
    this.stands(messageId, at);
    this.ends.delete(messageId);
    return this.idNow();
  }

  idAtRestart(messageId: string): string {
    this.answers.delete(messageId);
    return this.idNow();
  }

  idAtEnd(messageId: string, at: number, sequence: number): string {
    this.stands(messageId, at);
    this.knows(messageId, sequence);
    return this.idNow();
  }

  knows(messageId: string, sequence: number): void {
    this.ends.set(messageId, sequence);
    this.forgetEnds();
  }

  reached(sequence: number): void {
    this.reachedTo = sequence;
    this.forgetEnds();
  }

  /** Behind all that stood still: an id that does not hold all holds the last. */
  private stands(messageId: string, at: number): void {
    this.answers.delete(messageId);
    this.answers.set(messageId, at);
  }

  private forgetEnds(): void {
    for (const [id, sequence] of this.ends) {
      if (sequence > this.reachedTo) continue;
      this.ends.delete(id);
      this.answers.delete(id);
    }
  }
}

async function* pages(
  read: (after: number) => Promise<MessageStanding[]>,
  placeOf: (standing: MessageStanding) => number,
  from: number,
): AsyncIterable<MessageStanding[]> {
  for (let after = from; ; ) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = placeOf(page.at(-1)!);
  }
}
