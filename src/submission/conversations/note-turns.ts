import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import type { ChatMessage, EventContext, MessageEvent } from '../../domain/message/message.events.js';
import { note } from '../../domain/message/note.decision.js';
import type { EventLog } from '../../log/event-log.port.js';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { RefusedError } from '../refusal.js';
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
   * @throws {RefusedError} `content_too_large`, `unknown_conversation`, `conversation_closed`, `conversation_full`
   * @throws {LogFullError} while the log has no room
   * @throws what `EventLog.append` throws
   */
  async note(
    caller: Caller,
    conversationId: string,
    turns: readonly (readonly ChatMessage[])[],
  ): Promise<readonly string[]> {
    const full = this.room.refusal();
    if (full !== null) throw full;
    const wanted = turns.map((messages) => this.wanted(caller, conversationId, messages));
    const admitted = await this.admission.admit<never>(caller, wanted);
    const refused = admitted.find((each) => each instanceof RefusedError);
    if (refused !== undefined) throw refused;
    const noted = (admitted as Submission[]).map((submission) => this.events(caller, submission));
    const events: MessageEvent[] = noted.flat();
    const { firstSequence } = await this.log.append(events);
    await this.lookup.reach(firstSequence + events.length - 1);
    return noted.map(([received]) => received.subject);
  }

  private wanted({ name }: Caller, conversationId: string, messages: readonly ChatMessage[]): Submission {
    const submission: Submission = {
      ...{ userId: name, userUnnamed: true, conversationId, requestedPriority: null, metadata: {} },
      request: { messages: [...messages], model: null, parameters: {} },
      ...{ stream: false, source: 'openai' },
    };
    const units = refuseTooLarge(submission, this.config.queue.max_content_bytes);
    refuseTooLargeForLog(submission.request, units);
    return submission;
  }

  private events({ tenant, name }: Caller, submission: Submission) {
    const { userId, conversationId, conversationGivenId, request, stream, source, metadata } = submission;
    const context: EventContext = {
      ...{ messageId: this.sources.newId(), tenant, lane: submission.conversationPriority ?? 'normal' },
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
