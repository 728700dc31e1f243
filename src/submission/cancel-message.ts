import { Inject, Injectable } from '@nestjs/common';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../dispatch/answers/answers.port.js';
import { Cancellations } from '../dispatch/cancellations/nats/cancellations.js';
import type { Caller } from '../domain/caller.js';
import { cancel } from '../domain/message/cancel.decision.js';
import { UNTRACED } from '../domain/trace-context.policy.js';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { EVENT_LOG } from '../platform/tokens.js';
import type { MessageView } from '../projection/read/message-view.js';
import { MessageLookup } from './message-lookup.js';
import { RefusedError, refused } from './refusal.js';

/** For the projection to tell which end of the message came first. */
const COUNTED_WITHIN_MS = 10_000;

/**
 * Cancels a message that waits or runs.
 *
 * First the log, then the fold's word on whether this end is the one that counts, and only then the workers: what they
 * are told is never taken back. A crash in between leaves a message that is cancelled and may be called once more,
 * for an answer that counts for nothing.
 */
@Injectable()
export class CancelMessage {
  constructor(
    private readonly lookup: MessageLookup,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(Cancellations) private readonly cancellations: Cancellations,
    @Inject(ANSWER_PUBLISHER) private readonly answers: AnswerPublisher,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /**
   * The message as it is after it was cancelled. By then every worker is being told.
   *
   * @throws {RefusedError} `not_found`; `already_terminal` when it has ended, before or in the same moment;
   *   `outcome_unknown` when it is not known in time which of its ends counts
   * @throws what `EventLog.append` and `Cancellations.add` throw; then the message may be cancelled all the same
   */
  async cancel(caller: Caller, id: string, reason: string): Promise<MessageView> {
    const view = await this.lookup.find(caller.tenant, id);
    if (view === null) throw refused('not_found', `There is no message ${id}.`);
    const context = {
      ...{ messageId: id, tenant: view.tenant, lane: view.priority, newId: this.sources.newId },
      now: new Date(this.sources.nowMs()).toISOString(),
      ...(await this.lookup.traceOf(id).catch(() => UNTRACED)),
    };
    const event = cancel(context, view.status, { by: caller.name, reason });
    if (event === null) throw alreadyTerminal(view);
    const { firstSequence } = await this.log.append([event]);
    return this.counted(caller.tenant, id, firstSequence);
  }

  private async counted(tenant: string, id: string, sequence: number): Promise<MessageView> {
    const signal = AbortSignal.timeout(COUNTED_WITHIN_MS);
    const after = await this.lookup.endAfter(sequence, tenant, id, signal);
    if (after === null)
      throw refused('outcome_unknown', `It is not known yet whether the message ${id} is cancelled.`);
    const { view, terminalSequence } = after;
    this.answers.completed({ messageId: id, sequence: terminalSequence });
    if (view.status !== 'cancelled') throw alreadyTerminal(view);
    await this.cancellations.add(id);
    return view;
  }
}

function alreadyTerminal({ id, status }: MessageView): RefusedError {
  return refused(
    'already_terminal',
    `The message ${id} has ended already: it is ${status}. POST /api/v1/messages/${id}/erase takes it away.`,
  );
}
