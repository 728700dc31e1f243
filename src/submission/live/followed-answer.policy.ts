import type { AnsweredChoice } from '../../domain/message/answered-choices.policy.js';
import { type AnswerPiece, choiceOf, JoinedAnswer } from '../../domain/message/joined-answer.policy.js';
import { endOf, isAtEnd, numberOf, positionOf } from './piece-position.policy.js';

/** A piece as workers send it. */
export interface SentPiece {
  readonly attempt: number;
  /** 1 when absent. */
  readonly delivery?: number;
  readonly seq: number;
  readonly delta: AnswerPiece;
  readonly model?: string;
}

export type AnswerStep =
  /** Whoever comes back with this number has nothing of what is told next. */
  | { readonly kind: 'restart'; readonly at: number }
  | {
      readonly kind: 'piece';
      /** The number of its position. */
      readonly at: number;
      readonly attempt: number;
      readonly delta: AnswerPiece;
      readonly model?: string;
    };

const NOTHING: readonly AnswerStep[] = [];

/**
 * What of an answer's pieces a follower is told that has some of them already, so that what it joins behind the last
 * restart is the whole answer in the end.
 *
 * A run is one delivery of one attempt, and says the answer from its beginning. While the follower gets the run that it
 * has pieces of, it is told what is new; another run begins with a restart. What was said is kept, so that the whole
 * answer can be compared with it: it alone knows which run counts, and what got lost on the way.
 */
export class FollowedAnswer {
  private attempt: number;
  private delivery: number;
  /** Of the run, what came. */
  private seq = 0;
  /** Of the run, what the follower had before. */
  private had: number;
  /** The follower has something, of this run or of an earlier one. */
  private told: boolean;
  private said = new JoinedAnswer();
  /** Pieces of the run are missing. */
  private broken = false;

  /**
   * @param after the number of the last piece that the follower has; 0 for none
   * @param mayHave it may have pieces, and it is not known which
   */
  constructor(
    private readonly after = 0,
    private readonly mayHave = false,
  ) {
    const { attempt, delivery, seq } = positionOf(after);
    this.attempt = attempt;
    this.delivery = after === 0 ? 0 : delivery;
    this.had = after === 0 || isAtEnd(after) ? 0 : seq;
    this.told = after > 0 || mayHave;
  }

  /** The follower has pieces of the run that did not come here: they may lie in the stream of pieces. */
  get isBehind(): boolean {
    return this.seq < this.had;
  }

  take({ attempt, delivery = 1, seq, delta, model }: SentPiece): readonly AnswerStep[] {
    const newer = attempt - this.attempt || delivery - this.delivery;
    if (newer < 0) return NOTHING;
    const steps: AnswerStep[] = newer > 0 ? this.begin(attempt, delivery) : [];
    if (this.broken || seq <= this.seq) return steps;
    this.broken = seq > this.seq + 1;
    if (this.broken) return steps;
    this.seq = seq;
    this.said.add(delta);
    if (seq <= this.had) return steps;
    this.told = true;
    const at = numberOf({ attempt, delivery, seq });
    steps.push({ kind: 'piece', at, attempt, delta, ...(model === undefined ? {} : { model }) });
    return steps;
  }

  /**
   * What is still to be told when the message has ended.
   *
   * @param attempt the last one that there was
   * @param choices the answers that count; none where it ended without
   */
  end(attempt: number, choices: readonly AnsweredChoice[]): readonly AnswerStep[] {
    const end = endOf(attempt);
    const hasAll = this.after >= end - 1 && this.seq === 0;
    if (choices.length === 0 || hasAll) return NOTHING;
    const whole = wholeOf(choices);
    const rest = this.isComparable ? restOf(whole, this.said) : null;
    if (rest !== null) return numbered(rest, end, attempt);
    const all = numbered(restOf(whole, new JoinedAnswer())!, end, attempt);
    return this.told ? [{ kind: 'restart', at: end - all.length - 1 }, ...all] : all;
  }

  /** What the follower has is what was joined here. */
  private get isComparable(): boolean {
    return !this.isBehind && !((isAtEnd(this.after) || this.mayHave) && this.seq === 0);
  }

  private begin(attempt: number, delivery: number): AnswerStep[] {
    this.attempt = attempt;
    this.delivery = delivery;
    this.seq = 0;
    this.had = 0;
    this.broken = false;
    this.said = new JoinedAnswer();
    const { told } = this;
    this.told = false;
    return told ? [{ kind: 'restart', at: numberOf({ attempt, delivery, seq: 0 }) }] : [];
  }
}

function wholeOf(choices: readonly AnsweredChoice[]): JoinedAnswer {
  const whole = new JoinedAnswer();
  for (const { index, message, logprobs } of choices) whole.add({ ...message, logprobs, index });
  return whole;
}

/** What makes the whole answer of what was said, a piece for each choice; null where it contradicts what was said. */
function restOf(whole: JoinedAnswer, said: JoinedAnswer): AnswerPiece[] | null {
  const rest: AnswerPiece[] = [];
  for (const index of said.indices) if (!whole.indices.includes(index)) return null;
  for (const index of whole.indices) {
    const { diverged, behind, fresh } = whole.beyond(index, said);
    if (diverged || behind) return null;
    if (Object.keys(fresh).length === 0) continue;
    const role = said.indices.includes(index) ? {} : { role: 'assistant' };
    rest.push({ ...(index === 0 ? {} : { index }), ...role, ...fresh });
  }
  return rest;
}

/** Just before the end, the last one next to it: whoever has that one has all. */
function numbered(pieces: readonly AnswerPiece[], end: number, attempt: number): AnswerStep[] {
  return pieces.map((delta, index) => ({ kind: 'piece', at: end - pieces.length + index, attempt, delta }));
}

/** For what is merged: of which choice it is more text, and no more than that; null for any other piece. */
export function textIn(
  delta: AnswerPiece,
): { readonly choice: number; readonly fields: readonly string[] } | null {
  const fields: string[] = [];
  for (const name in delta) {
    if (name === 'index') continue;
    if (!MORE_TEXT.has(name) || typeof delta[name] !== 'string') return null;
    fields.push(name);
  }
  return { choice: choiceOf(delta), fields };
}

const MORE_TEXT: ReadonlySet<string> = new Set(['content', 'refusal', 'reasoning_content', 'reasoning']);
