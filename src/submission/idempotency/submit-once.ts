import { Injectable } from '@nestjs/common';
import { v5 } from 'uuid';
import type { Caller } from '../../domain/caller.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { MessageLookup } from '../message-lookup.js';
import { RefusedError } from '../refusal.js';
import type { Submission } from '../submission.js';
import { acceptedOf, SubmitMessage, type SubmitResult } from '../submit-message.js';

/** It was done with once, so that nothing of it is to be kept anywhere. */
export class ErasedBeforeError extends RefusedError {}

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
 * that gives its messages their ids. The id decides, for ever: one that is there already is not made again, also where it
 * was erased. An id that another tenant's message has is nobody's business: the message gets another one, always the same.
 */
@Injectable()
export class SubmitOnce {
  /** By ids: two that come at once must not both find nothing. */
  private readonly underWay = new Map<string, Promise<unknown>>();

  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly lookup: MessageLookup,
  ) {}

  /**
   * As `SubmitMessage.submitMany`. A further result is `already_exists`, for a message that was erased.
   *
   * @throws what `submitMany` throws
   * @throws {RefusedError} `idempotency_in_progress` when it is not known in time which of them are there; nothing was
   *   stored
   */
  async submitMany(caller: Caller, asked: readonly IdentifiedSubmission[]): Promise<SubmitResult[]> {
    let items = asked;
    for (let earlier = this.earlierOf(items); earlier.size > 0; earlier = this.earlierOf(items)) {
      await Promise.allSettled(earlier.values());
      const behind = earlier;
      items = items.map((item) => (behind.has(item.id) ? { ...item, mayBeThere: true } : item));
    }
    const work = this.submitNow(caller, items);
    for (const { id } of items) this.underWay.set(id, work);
    try {
      return await work;
    } finally {
      for (const { id } of items) this.underWay.delete(id);
    }
  }

  private earlierOf(items: readonly IdentifiedSubmission[]): ReadonlyMap<string, Promise<unknown>> {
    return new Map(
      items.flatMap(({ id }) => {
        const work = this.underWay.get(id);
        return work === undefined ? [] : [[id, work] as const];
      }),
    );
  }

  private async submitNow(caller: Caller, asked: readonly IdentifiedSubmission[]): Promise<SubmitResult[]> {
    let items = asked;
    let there = await this.thoseThere(items);
    const isForeign = ({ id }: IdentifiedSubmission) => (there.get(id) ?? caller).tenant !== caller.tenant;
    if (items.some(isForeign)) {
      items = items.map((item) =>
        isForeign(item) ? { ...item, id: idInstead(caller.tenant, item.id) } : item,
      );
      there = await this.thoseThere(items);
    }
    const erased = await this.thoseErased(items, there);
    const results: (SubmitResult | undefined)[] = items.map(({ id, submission }) => {
      if (submission instanceof RefusedError) return submission;
      const state = there.get(id);
      if (erased.has(id)) return wasErased(id);
      return state === undefined ? undefined : acceptedOf(state);
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
            // Behind the look of another process this one may come all the same.
            ...(firsts.length === 1 ? { dedupeKey: `once:${caller.tenant}:${items[firsts[0]!]!.id}` } : {}),
          });
    for (const [index, at] of firsts.entries()) results[at] = made[index];
    return items.map(({ id }, at) => results[at] ?? results[firstOf.get(id)!]!);
  }

  private async thoseThere(
    items: readonly IdentifiedSubmission[],
  ): Promise<ReadonlyMap<string, MessageState>> {
    const doubtful = items.filter(isDoubtful);
    return doubtful.length === 0 ? new Map() : this.lookup.stored(doubtful.map(({ id }) => id));
  }

  /** Their rows are gone, so that they look new. */
  private thoseErased(
    items: readonly IdentifiedSubmission[],
    there: ReadonlyMap<string, MessageState>,
  ): Promise<ReadonlySet<string>> {
    const gone = items.filter((item) => isDoubtful(item) && !there.has(item.id));
    return gone.length === 0 ? Promise.resolve(new Set()) : this.lookup.erased(gone.map(({ id }) => id));
  }
}

function isDoubtful({ submission, mayBeThere }: IdentifiedSubmission): boolean {
  return mayBeThere && !(submission instanceof RefusedError);
}

const NAMESPACE = '5e0cb9a4-5f0f-4c58-9b5c-0f0d2f7c1e63';

function idInstead(tenant: string, id: string): string {
  return v5(JSON.stringify([tenant, id]), NAMESPACE);
}

function wasErased(id: string): ErasedBeforeError {
  const message = `The message ${id} was here before, and was erased.`;
  return new ErasedBeforeError({ code: 'already_exists', message });
}
