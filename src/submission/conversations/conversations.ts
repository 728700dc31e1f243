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
import type { LogEvent } from '../../domain/log-event.events.js';
import type { Lane } from '../../domain/message/message.events.js';
import { lessUrgent } from '../../domain/message/prioritize.decision.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { EventIndex } from '../../projection/read/event-index.js';
import type { Execution } from '../idempotency/execution.js';
import { refused, refusedField, unknownModel } from '../refusal.js';
import { ConversationLookup } from './conversation-lookup.js';

/** Makes and changes conversations. Each command resolves when it is durable, and readers see it. */
@Injectable()
export class Conversations {
  constructor(
    private readonly lookup: ConversationLookup,
    private readonly endpoints: EndpointRegistry,
    @Inject(ConversationReader) private readonly reader: ConversationReader,
    @Inject(EventIndex) private readonly index: EventIndex,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * @param execution of the request's `Idempotency-Key`; carried out again, it finds what was made before
   * @throws {RefusedError} `unknown_model`, `content_too_large`, `too_many_conversations`
   * @throws what `EventLog.append` throws
   */
  async create(
    caller: Caller,
    wanted: NewConversation,
    execution: Execution | null,
  ): Promise<MadeConversation> {
    const id = execution?.idAt(0) ?? this.sources.newId();
    const there = execution?.again === true ? await this.made(caller, id) : null;
    if (there !== null) return there;
    this.refuseSettings(wanted);
    await this.refuseTooMany(caller, wanted.user_id);
    const event = createConversation(this.context(caller, id), within(caller, wanted));
    const sequence = await this.append([event], execution?.dedupeKey);
    return { conversation: evolveConversation(null, event, sequence), sequence };
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
    const decision = changeConversation(this.context(caller, id), conversation, allowed, decider);
    if (decision.kind === 'wrong_move') {
      const message = `The conversation ${id} is ${decision.from}, and can't become ${decision.to}.`;
      throw refusedField('wrong_state_change', 'state', `can't follow ${decision.from}`, message);
    }
    if (decision.events.length === 0) return conversation;
    const { state, userId } = conversation;
    if (!takesMessages(state) && wanted.state === 'active' && userId !== null) {
      await this.refuseTooMany(caller, userId);
    }
    await this.append(decision.events);
    return this.get(caller, id);
  }

  /** @throws {RefusedError} `not_found`, also for another tenant's and for an erased one */
  async get({ tenant }: Caller, id: string): Promise<ConversationState> {
    const conversation = await this.lookup.find(tenant, id);
    if (conversation === null) throw refused('not_found', `There is no conversation ${id}.`);
    return conversation;
  }

  private async made({ tenant }: Caller, id: string): Promise<MadeConversation | null> {
    await this.lookup.reach(await this.log.lastSequence());
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

  /** Those that come at once may all pass and go over it: the limit is there against runaways, not to be counted on. */
  private async refuseTooMany({ tenant }: Caller, userId: string): Promise<void> {
    const { max_per_user: most } = this.config.conversation;
    if ((await this.reader.countOpen(tenant, userId, most)) < most) return;
    throw refused(
      'too_many_conversations',
      `The user has ${most} open conversations (conversation.max_per_user). Complete, archive or erase some.`,
    );
  }
}

/** A priority above what the key may ask for is lowered to that, as a message's is. */
function within<T extends { priority?: Lane | null }>({ mostUrgent }: Caller, wanted: T): T {
  if (wanted.priority == null || mostUrgent === undefined) return wanted;
  return { ...wanted, priority: lessUrgent(wanted.priority, mostUrgent) };
}

/** A conversation as it was when it was made. */
export interface MadeConversation {
  readonly conversation: ConversationState;
  /** The sequence of its creation in the log. */
  readonly sequence: number;
}

/** The conversation that was made by the event at this place; null where that was erased. */
export async function madeAt(log: EventLog, sequence: number): Promise<MadeConversation | null> {
  const stored = await log.get(sequence);
  if (stored?.event.type !== 'llmq.conversation.created.v1') return null;
  return { conversation: evolveConversation(null, stored.event, sequence), sequence };
}
