import { type AnswerPiece, choiceOf, JoinedAnswer } from '../../domain/message/joined-answer.policy.js';

export type Delta = AnswerPiece;

/**
 * - `delta`: send it on.
 * - `nothing`: the client has it already, or it must wait for the whole answer.
 * - `diverged`: it contradicts what the client has; nothing more may be sent.
 */
export type Delivery =
  | { readonly kind: 'delta'; readonly delta: Delta }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'diverged' };

export interface Piece {
  readonly attempt: number;
  /** Which delivery of the attempt; 1 when absent. A repeated one starts the answer again. */
  readonly delivery?: number;
  readonly seq: number;
  readonly delta: Delta;
}

const NOTHING: Delivery = { kind: 'nothing' };
const DIVERGED: Delivery = { kind: 'diverged' };

/** While an answer that begins anew catches up, it is compared after each such part of what was delivered. */
const COMPARISONS = 32;

/**
 * Decides what of an answer's pieces goes to a client that has some of them already, so that all it ever gets is a
 * prefix of one answer. An attempt that fails is followed by another, which begins anew: what repeats what was delivered
 * is held back, what goes on behind it is sent, and what differs ends the stream.
 */
export class DeliveredAnswer {
  /** What the client has. */
  private readonly delivered = new JoinedAnswer();
  /** What the attempt that speaks now has said, while the client may have more. */
  private said: JoinedAnswer | null = null;
  /** The size of `said` at which it is worth comparing again. */
  private compareAt = 0;
  /** The choices that the client has something of. */
  private readonly begun = new Set<number>();
  private attempt = 0;
  private delivery = 0;
  private seq = 0;
  /** Pieces are missing: only the whole answer can tell what goes on. */
  private blind = false;

  take({ attempt, delivery = 1, seq, delta }: Piece): Delivery {
    const newer = attempt - this.attempt || delivery - this.delivery;
    if (newer > 0) this.restart(attempt, delivery);
    if (newer < 0 || seq <= this.seq) return NOTHING;
    this.blind ||= seq > this.seq + 1;
    this.seq = seq;
    if (this.blind) return NOTHING;
    return this.said === null ? this.deliver(delta) : this.catchUp(this.said, delta);
  }

  /**
   * What the client still lacks of the whole answer, which is durable.
   *
   * @param index the choice that the message belongs to
   */
  rest(
    message: Delta,
    { index = 0, logprobs = null }: { index?: number; logprobs?: unknown } = {},
  ): Delivery {
    const whole = new JoinedAnswer();
    whole.add({ ...message, logprobs, index });
    const { diverged, behind, fresh } = whole.beyond(index, this.delivered);
    if (diverged || behind) return DIVERGED;
    return this.deliver(index === 0 ? fresh : { index, ...fresh });
  }

  private restart(attempt: number, delivery: number): void {
    this.attempt = attempt;
    this.delivery = delivery;
    this.seq = 0;
    this.blind = false;
    this.said = this.begun.size === 0 ? null : new JoinedAnswer();
    this.compareAt = 0;
  }

  private catchUp(said: JoinedAnswer, piece: Delta): Delivery {
    said.add(piece);
    const { units } = this.delivered.size;
    if (said.size.units < Math.min(this.compareAt, units)) return NOTHING;
    this.compareAt = said.size.units + units / COMPARISONS;
    let behind = false;
    for (const each of this.begun) {
      const comparison = said.beyond(each, this.delivered);
      if (comparison.diverged) return DIVERGED;
      behind ||= comparison.behind;
    }
    if (behind) return NOTHING;
    return this.caughtUp(said, choiceOf(piece));
  }

  /** The client has the same of every choice as was said now, or less of the one that this piece belongs to. */
  private caughtUp(said: JoinedAnswer, index: number): Delivery {
    const rest = said.indices.find((each) => each !== index && isMore(said, each, this.delivered));
    // Two choices went beyond at once; one delivery tells of one, so the other waits for its next piece.
    if (rest === undefined) this.said = null;
    const { fresh } = said.beyond(index, this.delivered);
    return this.deliver(index === 0 ? fresh : { index, ...fresh });
  }

  /** The client is sent a role once for each choice, with the first thing that it is sent. */
  private deliver(piece: Delta): Delivery {
    const index = choiceOf(piece);
    const begun = this.begun.has(index);
    const fresh = begun ? withoutEmpty(piece) : piece;
    if (isEmpty(fresh)) return NOTHING;
    this.delivered.add(fresh);
    if (begun) return { kind: 'delta', delta: fresh };
    this.begun.add(index);
    return { kind: 'delta', delta: { role: 'assistant', ...fresh } };
  }
}

function isMore(said: JoinedAnswer, index: number, delivered: JoinedAnswer): boolean {
  return Object.keys(said.beyond(index, delivered).fresh).length > 0;
}

function isEmpty(piece: Delta): boolean {
  for (const name in piece) if (name !== 'index') return false;
  return true;
}

/** A role, and what is empty, are worth sending at the beginning only. */
function withoutEmpty(piece: Delta): Delta {
  for (const name in piece) if (isVoid(name, piece[name])) return strip(piece);
  return piece;
}

function strip(piece: Delta): Delta {
  return Object.fromEntries(Object.entries(piece).filter(([name, value]) => !isVoid(name, value)));
}

function isVoid(name: string, value: unknown): boolean {
  return name === 'role' || value === null || value === undefined || value === '';
}
