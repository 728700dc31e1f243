import { Inject, Injectable } from '@nestjs/common';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import type { Caller } from '../../domain/caller.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import type { Execution } from '../idempotency/execution.js';
import { Idempotency, type KeyedRequest } from '../idempotency/idempotency.js';
import { isFailure, RefusedError } from '../refusal.js';
import type { AcceptedMessage, Submission } from '../submission.js';
import { SubmitMessage } from '../submit-message.js';
import { CompletionSignal } from './completion-signal.js';

/** A submission whose client stays connected for the answer. */
export interface Order {
  readonly caller: Caller;
  readonly submission: Submission;
  readonly traceparent: string | undefined;
  /** Null for a request without an `Idempotency-Key`. */
  readonly keyed: KeyedRequest | null;
}

export interface Listener<L> {
  /** Ends the listening. */
  readonly signal: AbortSignal;
  /** Begins to listen for more than the message's end, before the message exists where it is new. */
  readonly listen: (messageId: string) => L;
  /** Called for a request with a key, before anything is submitted: whether it was carried out before. */
  readonly onKey: (replayed: boolean) => void;
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
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /** @throws what `SubmitMessage.submit` and `Idempotency.begin` throw */
  async submit<L>(order: Order, listener: Listener<L>): Promise<Submitted<L>> {
    if (order.keyed !== null) return this.underKey(order, order.keyed, listener);
    const { caller, submission, traceparent } = order;
    const messageId = this.sources.newId();
    const heard = this.listenTo(messageId, listener, true);
    return {
      accepted: await this.submitMessage.submit(caller, submission, { messageId, traceparent }),
      ...heard,
    };
  }

  private async underKey<L>(order: Order, keyed: KeyedRequest, listener: Listener<L>): Promise<Submitted<L>> {
    const begun = await this.idempotency.begin(keyed);
    listener.onKey(begun.kind === 'replay');
    if (begun.kind === 'replay') {
      const accepted = JSON.parse(begun.response.body) as AcceptedMessage;
      const heard = this.listenTo(accepted.id, listener, false);
      heard.completion.doubt();
      return { accepted, ...heard };
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

  private async carryOut({ caller, submission, traceparent }: Order, execution: Execution) {
    try {
      const accepted = await this.submitMessage.submit(caller, submission, { traceparent, execution });
      await execution.done({ status: 200, headers: {}, body: JSON.stringify(accepted) });
      return accepted;
    } catch (error) {
      const refused = error instanceof RefusedError && !isFailure(error.refusal);
      await (refused ? execution.refused() : execution.uncertain());
      throw error;
    }
  }
}
