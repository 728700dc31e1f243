import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import type { ChatMessage, EventContext, MessageEvent } from '../../domain/message/message.events.js';
import { note } from '../../domain/message/note.decision.js';
import type { EventLog } from '../../log/event-log.port.js';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import type { Execution } from '../idempotency/execution.js';
import { MessageLookup } from '../message-lookup.js';
import { RESULT_ERASED, RefusedError, refused } from '../refusal.js';
import type { Submission } from '../submission.js';
import { refuseTooLarge, refuseTooLargeForLog } from '../submission-size.js';
import { ConversationAdmission } from './conversation-admission.js';
import { ConversationLookup } from './conversation-lookup.js';

/** Puts what was said elsewhere into a conversation: turns for which no model is asked. */
@Injectable()
export class NoteTurns {
  constructor(
    private readonly admission: ConversationAdmission,
    private readonly lookup: ConversationLookup,
    private readonly messages: MessageLookup,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'refusal'>,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'queue'>,
  ) {}

  /**
   * The ids of the turns, in their order. All are durable then, and readers see them; or none is there.
   *
   * @param conversationId of one that is there
   * @param turns what was said in each
   * @param execution of the request's `Idempotency-Key`; carried out again, it finds what was noted before
   * @throws {RefusedError} `content_too_large`, `unknown_conversation`, `conversation_closed`, `conversation_full`;
   *   `not_found` where what was noted before was erased
   * @throws {LogFullError} while the log has no room
   * @throws what `EventLog.append` throws
   */
  async note(
    caller: Caller,
    conversationId: string,
    turns: readonly (readonly ChatMessage[])[],
    execution: Execution | null = null,
  ): Promise<readonly string[]> {
    // The first id is for what they are put into, where that is made by the same request.
    const ids = turns.map((_, at) => execution?.idAt(at + 1) ?? this.sources.newId());
    if (execution?.again === true && (await this.noted(ids))) return ids;
    const full = this.room.refusal();
    if (full !== null) throw full;
    const wanted = turns.map((messages) => this.wanted(caller, conversationId, messages));
    const admitted = await this.admission.admit<never>(caller, wanted);
    const refused = admitted.find((each) => each instanceof RefusedError);
    if (refused !== undefined) throw refused;
    const events: MessageEvent[] = (admitted as Submission[]).flatMap((submission, at) =>
      this.events(caller, submission, ids[at]!),
    );
    const once = execution === null ? {} : { dedupeKey: `${execution.dedupeKey}:turns` };
    const { firstSequence } = await this.log.append(events, once);
    await this.lookup.reach(firstSequence + events.length - 1);
    return ids;
  }

  /** For a conversation that is yet to be made. @throws {RefusedError} `content_too_large` */
  refuseTooLarge(caller: Caller, turns: readonly (readonly ChatMessage[])[]): void {
    for (const messages of turns) this.wanted(caller, null, messages);
  }

  private async noted(ids: readonly string[]): Promise<boolean> {
    const there = await this.messages.stored(ids);
    if ((await this.messages.erased(ids)).size > 0) throw refused('not_found', RESULT_ERASED);
    return there.size > 0;
  }

  private wanted(
    { name }: Caller,
    conversationId: string | null,
    messages: readonly ChatMessage[],
  ): Submission {
    const submission: Submission = {
      ...{ userId: name, userUnnamed: true, conversationId, requestedPriority: null, metadata: {} },
      request: { messages: [...messages], model: null, parameters: {} },
      ...{ stream: false, source: 'openai' },
    };
    const units = refuseTooLarge(submission, this.config.queue.max_content_bytes);
    refuseTooLargeForLog(submission.request, units);
    return submission;
  }

  private events({ tenant, name }: Caller, submission: Submission, messageId: string) {
    const { userId, conversationId, conversationGivenId, request, stream, source, metadata } = submission;
    const context: EventContext = {
      ...{ messageId, tenant, lane: submission.conversationPriority ?? 'normal' },
      now: new Date(this.sources.nowMs()).toISOString(),
      newId: this.sources.newId,
    };
    const said = {
      ...{ request: { ...request, model: null }, stream, source, metadata, user_id: userId },
      ...{ conversation_id: conversationId, requested_priority: null, deadline: null, key_name: name },
      ...(conversationGivenId == null ? {} : { conversation_given_id: conversationGivenId }),
      ...{ timeout_ms: this.config.queue.default_timeout_ms, max_retries: 0 },
    };
    return note(context, said, name);
  }
}
