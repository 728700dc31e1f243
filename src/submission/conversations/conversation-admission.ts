import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { stateChanged } from '../../domain/conversation/change-conversation.decision.js';
import { type ConversationState, takesMessages } from '../../domain/conversation/conversation.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { RefusedError } from '../refused.error.js';
import type { Submission } from '../submission.js';
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
   * The submission with what it leaves to its conversation: priority, model, and the user where it names none. A
   * conversation that went to sleep is awake again when this resolves.
   *
   * @throws {RefusedError} `unknown_conversation`, `conversation_closed`, `conversation_full`
   */
  async admit(caller: Caller, submission: Submission): Promise<Submission> {
    return this.into(await this.open(caller, submission), submission);
  }

  /** The same for many, with the refusal in place of each that is not let in. Each conversation is read once. */
  async admitMany(
    caller: Caller,
    submissions: readonly (Submission | RefusedError)[],
  ): Promise<(Submission | RefusedError)[]> {
    const known = new Map<string, ConversationState>();
    const results: (Submission | RefusedError)[] = [];
    for (const submission of submissions) {
      results.push(await this.admitNext(caller, submission, known));
    }
    return results;
  }

  private async admitNext(
    caller: Caller,
    submission: Submission | RefusedError,
    known: Map<string, ConversationState>,
  ): Promise<Submission | RefusedError> {
    if (submission instanceof RefusedError || submission.conversationId === null) return submission;
    try {
      const before = known.get(submission.conversationId) ?? (await this.open(caller, submission));
      const admitted = this.into(before, submission);
      known.set(submission.conversationId, { ...before, messageCount: before.messageCount + 1 });
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
  const reason = 'is not a conversation that there is';
  const message = `There is no conversation ${JSON.stringify(id)}; POST /api/v1/conversations makes one.`;
  return new RefusedError('unknown_conversation', message, [{ field: 'conversation_id', reason }]);
}

function closed({ id, state }: ConversationState): RefusedError {
  const reason = `is of a conversation that is ${state}`;
  const message = `The conversation ${id} is ${state} and takes no messages.`;
  return new RefusedError('conversation_closed', message, [{ field: 'conversation_id', reason }]);
}

function full({ id }: ConversationState, most: number): RefusedError {
  const message = `The conversation ${id} has ${most} messages, and takes no more (conversation.max_messages).`;
  return new RefusedError('conversation_full', message);
}
