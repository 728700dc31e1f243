import type { AppendPart } from './append-part.js';
import type { WireMessage } from './wire.js';

/**
 * Appends that are written together. Once a try of it may have been stored, its content is fixed: only the very same
 * batch under the same id can be told apart from a new one by the broker.
 */
export class Batch {
  private firstDoubtAt: number | null = null;
  private behind = 0;
  private current: readonly AppendPart[];
  /** Of the current parts; made when it is asked for. */
  private wire: readonly WireMessage[] | null = null;

  /** `messageId` marks the first message of a batch of appends that have no keys of their own. */
  constructor(
    parts: readonly AppendPart[],
    readonly messageId: string,
  ) {
    this.current = parts;
  }

  get parts(): readonly AppendPart[] {
    return this.current;
  }

  get messages(): readonly WireMessage[] {
    this.wire ??= this.current.flatMap((part) => part.messages);
    return this.wire;
  }

  get keyed(): boolean {
    return this.current[0]?.keyed ?? false;
  }

  get inDoubt(): boolean {
    return this.firstDoubtAt !== null;
  }

  /** Milliseconds since the first try that may have been stored; 0 where there was none. `now` as `performance.now()`. */
  doubtAgeMs(now: number): number {
    return this.firstDoubtAt === null ? 0 : now - this.firstDoubtAt;
  }

  /** The id by which the broker remembers the first message. */
  get firstMessageId(): string {
    return this.current[0]?.messages[0]?.messageId ?? this.messageId;
  }

  /** False when every caller has its answer, and nobody needs this batch any more. */
  prepare(): boolean {
    // Those who were told "not stored" must not be stored after all.
    if (!this.inDoubt && !this.current.every((part) => part.waiting)) {
      this.current = this.current.filter((part) => part.waiting);
      this.wire = null;
    }
    return this.current.some((part) => part.waiting);
  }

  /** The broker's sequence that was known before the first try which is in doubt: what was stored lies behind it. */
  get storedBehind(): number {
    return this.behind;
  }

  /** @param reached the newest sequence that the broker has told */
  leaves(reached: number): void {
    if (!this.inDoubt) this.behind = reached;
    for (const part of this.current) part.inDoubt = true;
  }

  /** The last try is known to have stored nothing; an earlier one may have. */
  cameBack(reason: string): void {
    for (const part of this.current) {
      part.inDoubt = this.inDoubt;
      part.note(reason);
    }
  }

  vanished(sentAt: number, reason: string): void {
    this.firstDoubtAt ??= sentAt;
    for (const part of this.current) part.note(reason);
  }

  /** Every earlier try is known to have stored nothing. */
  provenAbsent(): void {
    this.firstDoubtAt = null;
    for (const part of this.current) part.inDoubt = false;
  }

  /** The broker holds so many of its messages, from this sequence on. @returns the appends that are not whole */
  storedFirst(firstSequence: number, messages: number): AppendPart[] {
    let next = firstSequence;
    const end = firstSequence + messages;
    const rest: AppendPart[] = [];
    for (const part of this.current) {
      const { length } = part.messages;
      if (next + length <= end) part.stored(next);
      else rest.push(part);
      if (next < end && next + length > end) part.begun(next, end - next);
      next += length;
    }
    return rest;
  }

  /** No id tells whether it is there: it is in doubt from the start. */
  mayLieBehind(sequence: number): void {
    this.firstDoubtAt = Number.NEGATIVE_INFINITY;
    this.behind = sequence;
  }

  stored(firstSequence: number): void {
    let next = firstSequence;
    for (const part of this.current) {
      part.stored(next);
      next += part.messages.length;
    }
  }
}
