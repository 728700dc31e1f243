import { Inject, Injectable } from '@nestjs/common';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import type { Caller } from '../../domain/caller.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { TraceContext } from '../../domain/trace-context.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import type { Execution } from '../idempotency/execution.js';
import { Idempotency, type KeyedRequest } from '../idempotency/idempotency.js';
import { FirstTries } from '../idempotency/nats/first-tries.js';
import { MessageLookup } from '../message-lookup.js';
import { isFailure, mayBeDone, RefusedError } from '../refusal.js';
import { refusalOf } from '../refusal-of.js';
import type { AcceptedMessage, Submission } from '../submission.js';
import { acceptedOf, SubmitMessage } from '../submit-message.js';
import { CompletionSignal } from './completion-signal.js';

/** A submission whose client stays connected for the answer. */
export interface Order {
  readonly caller: Caller;
  readonly submission: Submission;
  readonly trace: TraceContext;
  /** Null for a request without an `Idempotency-Key`. */
  readonly keyed: KeyedRequest | null;
  /** Which request it is among those that a client repeats by itself; absent or null where nobody told. */
  readonly attempt?: RequestAttempt | null;
}

export interface RequestAttempt {
  /** Of all that makes two requests the same. */
  readonly digest: string;
  /** It was sent before, and the client got no answer. */
  readonly repeated: boolean;
}

export interface Listener<L> {
  /** Ends the listening. */
  readonly signal: AbortSignal;
  /** Begins to listen for more than the message's end, before the message exists where it is new. */
  readonly listen: (messageId: string) => L;
  /** Called for a request with a key, before anything is submitted: whether it was carried out before. */
  readonly onKey: (replayed: boolean) => void;
  /** Called where a request without a key has joined the message of its first try. */
  readonly onJoined?: () => void;
}

export interface Submitted<L> {
  readonly accepted: AcceptedMessage;
  readonly completion: CompletionSignal;
  readonly listening: L;
}

/**
 * Submits a message and listens for its end, from before it exists: whatever is said of it is then heard. Under a key it
 * is the message that is kept, not its answer: whoever repeats the request waits for that same answer, for as long as
 * the first one would.
 */
@Injectable()
export class SubmitAndListen {
  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly idempotency: Idempotency,
    private readonly firstTries: FirstTries,
    private readonly lookup: MessageLookup,
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /** @throws what `SubmitMessage.submit` and `Idempotency.begin` throw */
  async submit<L>(order: Order, listener: Listener<L>): Promise<Submitted<L>> {
    if (order.keyed !== null) return this.underKey(order, order.keyed, listener);
    const first = await this.firstTry(order.attempt ?? null);
    if (first !== null) {
      listener.onJoined?.();
      return this.join(acceptedOf(first), listener);
    }
    const messageId = this.sources.newId();
    const heard = this.listenTo(messageId, listener, true);
    return { accepted: await this.submitNew(order, messageId), ...heard };
  }

  /** The message of a request that is repeated, unless that has ended without an answer that the repetition could get. */
  private async firstTry(attempt: RequestAttempt | null): Promise<MessageState | null> {
    const id = attempt?.repeated === true ? this.firstTries.find(attempt.digest) : null;
    const first = id === null ? undefined : (await this.lookup.stored([id])).get(id);
    return first === undefined || first.status === 'cancelled' || first.status === 'expired' ? null : first;
  }

  private async submitNew(order: Order, messageId: string): Promise<AcceptedMessage> {
    const { caller, submission, trace, attempt } = order;
    try {
      const accepted = await this.submitMessage.submit(caller, submission, { messageId, trace });
      if (attempt != null) this.firstTries.remember(attempt.digest, messageId);
      return accepted;
    } catch (error) {
      // An earlier request that was the same has nothing to do with one that repeats this.
      if (attempt != null && mayBeDone(refusalOf(error))) this.firstTries.remember(attempt.digest, messageId);
      else if (attempt != null) this.firstTries.forget(attempt.digest);
      throw error;
    }
  }

  private join<L>(accepted: AcceptedMessage, listener: Listener<L>): Submitted<L> {
    const heard = this.listenTo(accepted.id, listener, false);
    heard.completion.doubt();
    return { accepted, ...heard };
  }

  private async underKey<L>(order: Order, keyed: KeyedRequest, listener: Listener<L>): Promise<Submitted<L>> {
    const begun = await this.idempotency.begin(keyed);
    listener.onKey(begun.kind === 'replay');
    if (begun.kind === 'replay') {
      return this.join(JSON.parse(begun.response.body) as AcceptedMessage, listener);
    }
    const { execution } = begun;
    const heard = this.listenTo(execution.idAt(0), listener, !execution.again);
    const accepted = await this.carryOut(order, execution);
    // An earlier run may have stored it, and it may have ended since.
    if (execution.again) heard.completion.doubt();
    return { accepted, ...heard };
  }

  private listenTo<L>(messageId: string, { signal, listen }: Listener<L>, isNew: boolean) {
    const completion = new CompletionSignal(this.answers, messageId, signal, 0, isNew);
    return { completion, listening: listen(messageId) };
  }

  private async carryOut({ caller, submission, trace }: Order, execution: Execution) {
    try {
      const accepted = await this.submitMessage.submit(caller, submission, { trace, execution });
      await execution.done({ status: 200, headers: {}, body: JSON.stringify(accepted) });
      return accepted;
    } catch (error) {
      const refused = error instanceof RefusedError && !isFailure(error.refusal);
      await (refused ? execution.refused() : execution.uncertain());
      throw error;
    }
  }
}
