import { Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { MessageLookup } from '../message-lookup.js';
import { RefusedError, refused } from '../refusal.js';
import type { Submission } from '../submission.js';
import { acceptedOf, SubmitMessage, type SubmitResult } from '../submit-message.js';

/** A submission that always has the same id, however often it comes. */
export interface IdentifiedSubmission {
  readonly id: string;
  /** It may have come before, so that its message may be there. */
  readonly mayBeThere: boolean;
  /** A refusal in place of it is its result. */
  readonly submission: Submission | RefusedError;
}

/**
 * Submits what may come more than once: from a broker that hands out again what was not acknowledged, or from a client
 * that gives its messages their ids. The id decides, for ever: one that is there already is not made again.
 */
@Injectable()
export class SubmitOnce {
  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly lookup: MessageLookup,
  ) {}

  /**
   * As `SubmitMessage.submitMany`. A further result is `already_exists`, for an id that is another tenant's message.
   *
   * @throws what `submitMany` throws
   * @throws {RefusedError} `idempotency_in_progress` when it is not known in time which of them are there; nothing was
   *   stored
   */
  async submitMany(caller: Caller, items: readonly IdentifiedSubmission[]): Promise<SubmitResult[]> {
    const there = await this.thoseThere(items);
    const results: (SubmitResult | undefined)[] = items.map(({ id, submission }) => {
      if (submission instanceof RefusedError) return submission;
      const state = there.get(id);
      return state === undefined ? undefined : told(state, caller);
    });
    const firstOf = new Map<string, number>();
    for (const [at, { id }] of items.entries()) {
      if (results[at] === undefined && !firstOf.has(id)) firstOf.set(id, at);
    }
    const firsts = [...firstOf.values()];
    const submissions = firsts.map((at) => items[at]!.submission as Submission);
    const made =
      firsts.length === 0
        ? []
        : await this.submitMessage.submitMany(caller, submissions, {
            idAt: (index) => items[firsts[index]!]!.id,
          });
    for (const [index, at] of firsts.entries()) results[at] = made[index];
    return items.map(({ id }, at) => results[at] ?? results[firstOf.get(id)!]!);
  }

  private async thoseThere(
    items: readonly IdentifiedSubmission[],
  ): Promise<ReadonlyMap<string, MessageState>> {
    const doubtful = items.filter(
      ({ submission, mayBeThere }) => mayBeThere && !(submission instanceof RefusedError),
    );
    return doubtful.length === 0 ? new Map() : this.lookup.stored(doubtful.map(({ id }) => id));
  }
}

/** Ids are hard to guess, but nobody else's message may be anybody's for that. */
function told(state: MessageState, { tenant }: Caller): SubmitResult {
  if (state.tenant === tenant) return acceptedOf(state);
  return refused('already_exists', `The message id ${state.id} is taken; choose another one.`);
}
