import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { stateChanged } from '../../domain/conversation/change-conversation.decision.js';
import { type ConversationState, takesMessages } from '../../domain/conversation/conversation.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { RefusedError, refused, refusedField } from '../refusal.js';
import { isSubmission, type Submission } from '../submission.js';
import { ConversationLookup } from './conversation-lookup.js';

/** Lets messages into conversations: into those that are there, take messages and have room. */
@Injectable()
export class ConversationAdmission {
  constructor(
    private readonly lookup: ConversationLookup,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * Each submission with what it leaves to its conversation: priority, model, and the user where it names none. In place
   * of one that is not let in stands its refusal: `unknown_conversation`, `conversation_closed` or `conversation_full`.
   * What is no submission, or is in no conversation, stays as it is. Each conversation is read once, and one that went
   * to sleep is awake again when this resolves.
   *
   * @throws {ProjectionBehindError} and what `EventLog.append` throws; then nothing was let in
   */
  async admit<T extends object>(
    caller: Caller,
    items: readonly (Submission | T)[],
  ): Promise<(Submission | RefusedError | T)[]> {
    const known = new Map<string, ConversationState>();
    const results: (Submission | RefusedError | T)[] = [];
    for (const item of items) {
      const isTurn = isSubmission(item) && item.conversationId !== null;
      results.push(isTurn ? await this.admitNext(caller, item, known) : item);
    }
    return results;
  }

  private async admitNext(
    caller: Caller,
    submission: Submission,
    known: Map<string, ConversationState>,
  ): Promise<Submission | RefusedError> {
    const id = submission.conversationId?.toLowerCase() ?? '';
    try {
      const before = known.get(id) ?? (await this.open(caller, submission));
      const admitted = this.into(before, submission);
      known.set(id, { ...before, messageCount: before.messageCount + 1 });
      return admitted;
    } catch (error) {
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }

  private async open(caller: Caller, submission: Submission): Promise<ConversationState> {
    const id = submission.conversationId?.toLowerCase() ?? '';
    const conversation = await this.lookup.find(caller.tenant, id);
    if (conversation === null) throw unknownConversation(submission.conversationId ?? '');
    if (!takesMessages(conversation.state)) throw closed(conversation);
    if (conversation.state === 'inactive') await this.wake(caller, conversation);
    return conversation;
  }

  private into(conversation: ConversationState, submission: Submission): Submission {
    const { max_messages: most } = this.config.conversation;
    if (conversation.messageCount >= most) throw full(conversation, most);
    const { request } = submission;
    return {
      ...submission,
      userId: submission.userUnnamed ? (conversation.userId ?? submission.userId) : submission.userId,
      conversationId: conversation.id,
      doubleTexting: submission.doubleTexting ?? conversation.doubleTexting,
      conversationPriority: conversation.priority,
      request: { ...request, model: request.model ?? conversation.model },
    };
  }

  private async wake(caller: Caller, conversation: ConversationState): Promise<void> {
    const context = {
      ...{ subject: conversation.id, tenant: conversation.tenant, newId: this.sources.newId },
      now: new Date(this.sources.nowMs()).toISOString(),
    };
    await this.log.append([
      stateChanged(context, conversation, 'active', { by: caller.name, reason: 'message' }),
    ]);
  }
}

export function unknownConversation(id: string): RefusedError {
  const reason = 'does not name an existing conversation';
  const message = `There is no conversation ${JSON.stringify(id)}; POST /api/v1/conversations makes one.`;
  return refusedField('unknown_conversation', 'conversation_id', reason, message);
}

function closed({ id, state }: ConversationState): RefusedError {
  const reason = `names a conversation that is ${state}`;
  const message = `The conversation ${id} is ${state} and accepts no messages.`;
  return refusedField('conversation_closed', 'conversation_id', reason, message);
}

function full({ id }: ConversationState, most: number): RefusedError {
  const message = `The conversation ${id} has ${most} messages, which is its limit (conversation.max_messages).`;
  return refused('conversation_full', message);
}
