import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import type { Caller } from '../../domain/caller.js';
import type { CloudEventContext } from '../../domain/cloud-event.events.js';
import {
  changeConversation,
  type WantedChange,
} from '../../domain/conversation/change-conversation.decision.js';
import {
  type ConversationState,
  evolveConversation,
  takesMessages,
} from '../../domain/conversation/conversation.state.js';
import {
  createConversation,
  type NewConversation,
} from '../../domain/conversation/create-conversation.decision.js';
import { isGivenId, shownId } from '../../domain/conversation/given-id.policy.js';
import type { LogEvent } from '../../domain/log-event.events.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import { lessUrgent } from '../../domain/message/prioritize.decision.js';
import { isUuid } from '../../domain/uuid.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { EventIndex } from '../../projection/read/event-index.js';
import type { Execution } from '../idempotency/execution.js';
import { givenToAnother, RESULT_ERASED, refused, refusedField, unknownModel } from '../refusal.js';
import { ConversationLimit } from './conversation-limit.js';
import { ConversationLookup } from './conversation-lookup.js';

/** Makes and changes conversations. Each command resolves when it is durable, and readers see it. */
@Injectable()
export class Conversations {
  constructor(
    private readonly lookup: ConversationLookup,
    private readonly limit: ConversationLimit,
    private readonly endpoints: EndpointRegistry,
    @Inject(EventIndex) private readonly index: EventIndex,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * With an id of the client's own, the conversation as it is where it is there already.
   *
   * @param execution of the request's `Idempotency-Key`; carried out again, it finds what was made before
   * @throws {RefusedError} `unknown_model`, `content_too_large`, `too_many_conversations`; `already_exists` for an id of
   *   another user's conversation
   * @throws what `EventLog.append` throws
   */
  async create(
    caller: Caller,
    wanted: NewConversation,
    execution: Execution | null,
  ): Promise<MadeConversation> {
    if (wanted.given_id != null) return this.createGiven(caller, wanted, wanted.given_id);
    const id = execution?.idAt(0) ?? this.sources.newId();
    const there = execution?.again === true ? await this.made(caller, id) : null;
    return there ?? this.make(caller, id, wanted, execution?.dedupeKey);
  }

  /** Of several at once the log's first one counts, and is what all of them get. */
  private async createGiven(
    caller: Caller,
    wanted: NewConversation,
    givenId: string,
  ): Promise<MadeConversation> {
    const { id, conversation } = await this.lookup.locate(caller.tenant, givenId);
    if (conversation !== null) return this.there(caller, wanted, conversation);
    const made = await this.make(caller, id, wanted);
    const [first] = await this.index.ofConversation(caller.tenant, id, 0, 1);
    if (first === undefined || first >= made.sequence) return made;
    return this.there(caller, wanted, await this.get(caller, id));
  }

  private async there(
    { tenant }: Caller,
    wanted: NewConversation,
    conversation: ConversationState,
  ): Promise<MadeConversation> {
    if (conversation.userId !== wanted.user_id) throw givenToAnother(shownId(conversation));
    const [sequence] = await this.index.ofConversation(tenant, conversation.id, 0, 1);
    return { conversation, sequence: sequence ?? conversation.lastSequence, existed: true };
  }

  private async make(
    caller: Caller,
    id: string,
    wanted: NewConversation,
    dedupeKey?: string,
  ): Promise<MadeConversation> {
    this.refuseSettings(wanted);
    await this.limit.refuseTooMany(caller.tenant, wanted.user_id);
    const event = createConversation(this.context(caller, id), within(caller, wanted));
    const sequence = await this.append([event], dedupeKey);
    return { conversation: evolveConversation(null, event, sequence), sequence, existed: false };
  }

  /**
   * The conversation as it is then.
   *
   * @throws {RefusedError} `not_found`, `unknown_model`, `content_too_large`, `wrong_state_change`,
   *   `too_many_conversations` when it is opened again
   * @throws what `EventLog.append` throws
   */
  async change(caller: Caller, id: string, wanted: WantedChange): Promise<ConversationState> {
    this.refuseSettings(wanted.changes);
    const conversation = await this.get(caller, id);
    const decider = { by: caller.name, reason: 'asked' };
    const allowed = { ...wanted, changes: within(caller, wanted.changes) };
    const decision = changeConversation(
      this.context(caller, conversation.id),
      conversation,
      allowed,
      decider,
    );
    if (decision.kind === 'wrong_move') {
      const message = `The conversation ${id} is ${decision.from}, and can't become ${decision.to}.`;
      throw refusedField('wrong_state_change', 'state', `can't follow ${decision.from}`, message);
    }
    if (decision.events.length === 0) return conversation;
    const { state, userId } = conversation;
    if (!takesMessages(state) && wanted.state === 'active' && userId !== null) {
      await this.limit.refuseTooMany(caller.tenant, userId);
    }
    await this.append(decision.events);
    return this.get(caller, conversation.id);
  }

  /** @throws {RefusedError} `not_found`, also for another tenant's and for an erased one */
  async get({ tenant }: Caller, id: string): Promise<ConversationState> {
    const conversation = await this.lookup.find(tenant, id);
    if (conversation === null) throw refused('not_found', `There is no conversation ${id}.`);
    return conversation;
  }

  /**
   * What a message there gets that says nothing else. The first one of a conversation with an id of its client's makes it.
   * @throws {RefusedError} `not_found`
   */
  async defaultsOf(caller: Caller, id: string): Promise<{ readonly user_id?: string }> {
    const there = isGivenId(id) ? await this.find(caller, id) : await this.get(caller, id);
    return there?.userId == null ? {} : { user_id: there.userId };
  }

  /** Null where there is none. */
  find({ tenant }: Caller, id: string): Promise<ConversationState | null> {
    return this.lookup.find(tenant, id);
  }

  /** What its messages and events name it by; what names none is left as it is, and finds nothing. */
  async nameInLog({ tenant }: Caller, id: string): Promise<string> {
    if (isUuid(id)) return id.toLowerCase();
    if (!isGivenId(id)) return id;
    const place = await this.lookup.locate(tenant, id);
    return place.conversation === null ? id : place.id;
  }

  /** @throws {RefusedError} `not_found` where it was erased since */
  private async made({ tenant }: Caller, id: string): Promise<MadeConversation | null> {
    await this.lookup.reach(await this.log.lastSequence());
    const { conversation } = await this.lookup.locate(tenant, id);
    if (conversation?.state === 'erased') throw refused('not_found', RESULT_ERASED);
    const [sequence] = await this.index.ofConversation(tenant, id, 0, 1);
    return sequence === undefined ? null : madeAt(this.log, sequence);
  }

  private async append(events: readonly LogEvent[], dedupeKey?: string): Promise<number> {
    const { firstSequence } = await this.log.append(events, { dedupeKey });
    await this.lookup.reach(firstSequence + events.length - 1);
    return firstSequence;
  }

  private context({ tenant }: Caller, id: string): CloudEventContext {
    const now = new Date(this.sources.nowMs()).toISOString();
    return { subject: id, tenant, now, newId: this.sources.newId };
  }

  private refuseSettings({ model, context }: { model?: string | null; context?: string | null }): void {
    if (model != null && !this.endpoints.serves(model)) throw unknownModel(model);
    const limit = this.config.queue.max_content_bytes;
    if (context == null || Buffer.byteLength(context) <= limit) return;
    const reason = `has ${Buffer.byteLength(context)} bytes, and at most ${limit} are accepted`;
    throw refusedField('content_too_large', 'context', reason);
  }
}

/** A priority above what the key may ask for is lowered to that, as a message's is. */
function within<T extends { priority?: Lane | null }>({ mostUrgent }: Caller, wanted: T): T {
  if (wanted.priority == null || mostUrgent === undefined) return wanted;
  return { ...wanted, priority: lessUrgent(wanted.priority, mostUrgent) };
}

/** A conversation as it was when it was made, or as it is where it was there before. */
export interface MadeConversation {
  readonly conversation: ConversationState;
  readonly existed: boolean;
  /** The sequence of its creation in the log. */
  readonly sequence: number;
}

/** The conversation that was made by the event at this place; null where that was erased. */
export async function madeAt(log: EventLog, sequence: number): Promise<MadeConversation | null> {
  const stored = await log.get(sequence);
  if (stored?.event.type !== 'llmq.conversation.created.v1') return null;
  return { conversation: evolveConversation(null, stored.event, sequence), sequence, existed: false };
}
