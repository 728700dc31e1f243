import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import type { CloudEventContext } from '../../domain/cloud-event.events.js';
import { stateChanged } from '../../domain/conversation/change-conversation.decision.js';
import {
  type ConversationState,
  evolveConversation,
  takesMessages,
} from '../../domain/conversation/conversation.state.js';
import { createConversation } from '../../domain/conversation/create-conversation.decision.js';
import { conversationKey, isGivenId, shownId } from '../../domain/conversation/given-id.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { givenToAnother, invalidFields, RefusedError, refused, refusedField } from '../refusal.js';
import { refusedBy } from '../refusal-of.js';
import { type ConversationCreation, isSubmission, type Submission } from '../submission.js';
import { ConversationLimit } from './conversation-limit.js';
import { ConversationLookup } from './conversation-lookup.js';

/** A conversation that a message may go into. */
interface OpenConversation extends ConversationState {
  /** Absent where it is there already. */
  readonly creation?: ConversationCreation;
}

/**
 * Lets messages into conversations: into those that are there, take messages and have room, and into new ones, which
 * their first message names with an id of the client's own.
 */
@Injectable()
export class ConversationAdmission {
  constructor(
    private readonly lookup: ConversationLookup,
    private readonly limit: ConversationLimit,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * Each submission with what it leaves to its conversation: priority, model, and the user where it names none. In place
   * of one that is not let in stands its refusal: `unknown_conversation`, `conversation_closed`, `conversation_full`,
   * `too_many_conversations`, or `invalid_fields` for one that asks nothing where nothing was said.
   * What is no submission, or is in no conversation, stays as it is. Each conversation is read once, and one that went
   * to sleep is awake again when this resolves.
   *
   * @throws {ProjectionBehindError} and what `EventLog.append` throws; then nothing was let in
   */
  async admit<T extends object>(
    caller: Caller,
    items: readonly (Submission | T)[],
  ): Promise<(Submission | RefusedError | T)[]> {
    const known = new Map<string, OpenConversation>();
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
    known: Map<string, OpenConversation>,
  ): Promise<Submission | RefusedError> {
    const id = conversationKey(submission.conversationId ?? '');
    try {
      const before = known.get(id) ?? (await this.open(caller, submission, id));
      if (asksNothing(submission) && (await this.isEmpty(caller, before))) throw nothingAsked();
      const admitted = this.into(before, submission);
      known.set(id, { ...before, messageCount: before.messageCount + 1 });
      return admitted;
    } catch (error) {
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }

  /**
   * Makes the conversations of these messages that are not there yet, before their messages are stored. Null when they
   * are durable, and the reason when they are not.
   */
  async make(creations: readonly ConversationCreation[]): Promise<RefusedError | null> {
    try {
      await this.log.append(creations);
      return null;
    } catch (error) {
      return refusedBy(error);
    }
  }

  private async open(caller: Caller, { userId }: Submission, named: string): Promise<OpenConversation> {
    const { id, conversation } = await this.lookup.locate(caller.tenant, named);
    if (conversation === null && isGivenId(named)) return this.begin(caller, id, named, userId);
    if (conversation === null || conversation.state === 'erased') throw unknownConversation(named);
    if (!takesMessages(conversation.state)) throw closed(conversation);
    if (conversation.state === 'inactive') await this.wake(caller, conversation);
    return conversation;
  }

  private async begin(
    caller: Caller,
    id: string,
    givenId: string,
    userId: string,
  ): Promise<OpenConversation> {
    await this.limit.refuseTooMany(caller.tenant, userId);
    const creation = createConversation(this.context(caller, id), { user_id: userId, given_id: givenId });
    return { ...evolveConversation(null, creation, 0), creation };
  }

  /** A projection that is behind may not know what was said: then the worker finds out. */
  private async isEmpty({ tenant }: Caller, conversation: OpenConversation): Promise<boolean> {
    if (!saysNothing(conversation)) return false;
    if (conversation.creation !== undefined) return true;
    if (!(await this.lookup.reach((await this.log.extent()).lastSequence))) return false;
    const now = await this.lookup.find(tenant, conversation.id);
    return now !== null && saysNothing(now);
  }

  private into(conversation: OpenConversation, submission: Submission): Submission {
    const { givenId, userId } = conversation;
    if (givenId !== null && !submission.userUnnamed && userId !== null && userId !== submission.userId) {
      throw givenToAnother(givenId);
    }
    const { max_messages: most } = this.config.conversation;
    if (conversation.messageCount >= most) throw full(conversation, most);
    const { request } = submission;
    return {
      ...submission,
      userId: submission.userUnnamed ? (conversation.userId ?? submission.userId) : submission.userId,
      conversationId: conversation.id,
      conversationGivenId: conversation.givenId,
      conversationCreation: conversation.creation,
      doubleTexting: submission.doubleTexting ?? conversation.doubleTexting,
      conversationPriority: conversation.priority,
      request: { ...request, model: request.model ?? conversation.model },
    };
  }

  private async wake(caller: Caller, conversation: ConversationState): Promise<void> {
    const context = this.context(caller, conversation.id);
    await this.log.append([
      stateChanged(context, conversation, 'active', { by: caller.name, reason: 'message' }),
    ]);
  }

  private context({ tenant }: Caller, subject: string): CloudEventContext {
    const now = new Date(this.sources.nowMs()).toISOString();
    return { subject, tenant, now, newId: this.sources.newId };
  }
}

/** The model is to speak again. */
function asksNothing({ request: { messages, instructions } }: Submission): boolean {
  return messages?.length === 0 && instructions === undefined;
}

function saysNothing({ messageCount, context }: ConversationState): boolean {
  return messageCount === 0 && context === null;
}

/** Only Responses may come without anything new. */
function nothingAsked(): RefusedError {
  const reason = 'is needed: nothing was said in the conversation yet';
  return invalidFields([{ field: 'input', reason }]);
}

export function unknownConversation(id: string): RefusedError {
  const reason = 'does not name an existing conversation';
  const message = `There is no conversation ${JSON.stringify(id)}; POST /api/v1/conversations makes one.`;
  return refusedField('unknown_conversation', 'conversation_id', reason, message);
}

function closed(conversation: ConversationState): RefusedError {
  const { state } = conversation;
  const reason = `names a conversation that is ${state}`;
  const message = `The conversation ${shownId(conversation)} is ${state} and accepts no messages.`;
  return refusedField('conversation_closed', 'conversation_id', reason, message);
}

function full(conversation: ConversationState, most: number): RefusedError {
  const message = `The conversation ${shownId(conversation)} has ${most} messages, which is its limit (conversation.max_messages).`;
  return refused('conversation_full', message);
}
