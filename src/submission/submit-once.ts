import { Injectable } from '@nestjs/common';
import type { Caller } from '../domain/caller.js';
import type { MessageState } from '../domain/message/message.state.js';
import type { Execution } from './idempotency/execution.js';
import { MessageLookup } from './message-lookup.js';
import type { RefusedError } from './refused.error.js';
import type { AcceptedMessage, Submission } from './submission.js';
import { SubmitMessage, type SubmitResult } from './submit-message.js';

/**
 * Submits what may come with an `Idempotency-Key`. The ids of its messages come from the key's execution, so that one
 * that is carried out again, after a process died over it or the log did not answer, finds what is stored already.
 */
@Injectable()
export class SubmitOnce {
  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly lookup: MessageLookup,
  ) {}

  /** @throws what `SubmitMessage.submit` throws, and `IdempotencyInProgressError` */
  async submit(
    caller: Caller,
    submission: Submission,
    traceparent: string | undefined,
    execution: Execution | null,
  ): Promise<AcceptedMessage> {
    if (execution === null) return this.submitMessage.submit(caller, submission, { traceparent });
    const messageId = execution.idAt(0);
    const there = execution.again ? await this.accepted([messageId]) : null;
    const { dedupeKey } = execution;
    return (
      there?.get(0) ?? this.submitMessage.submit(caller, submission, { messageId, traceparent, dedupeKey })
    );
  }

  /** @throws {IdempotencyInProgressError} */
  async submitMany(
    caller: Caller,
    submissions: readonly (Submission | RefusedError)[],
    traceparent: string | undefined,
    execution: Execution | null,
  ): Promise<SubmitResult[]> {
    if (execution === null) return this.submitMessage.submitMany(caller, submissions, { traceparent });
    const idAt = (index: number) => execution.idAt(index);
    const ids = submissions.map((_, index) => idAt(index));
    const stored = execution.again ? await this.accepted(ids) : undefined;
    const { dedupeKey } = execution;
    return this.submitMessage.submitMany(caller, submissions, { traceparent, idAt, dedupeKey, stored });
  }

  /** Those of the messages that are in the log, by their index. */
  private async accepted(ids: readonly string[]): Promise<Map<number, AcceptedMessage>> {
    const states = await this.lookup.stored(ids);
    const accepted = new Map<number, AcceptedMessage>();
    for (const [index, id] of ids.entries()) {
      const state = states.get(id);
      if (state !== undefined) accepted.set(index, acceptedOf(state));
    }
    return accepted;
  }
}

function acceptedOf(state: MessageState): AcceptedMessage {
  const { id, priority, priorityReason, model, createdAt, deadline, attempts } = state;
  return {
    id,
    model,
    priority,
    priorityReason,
    createdAt,
    deadline,
    dueAt: attempts === 0 ? state.scheduledAt : null,
  };
}
