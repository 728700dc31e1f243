import { Inject, Injectable } from '@nestjs/common';
import { withLargeParts } from '../../domain/message/large-parts.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { type Affinity, sessionKey } from '../endpoints/choice/session-key.policy.js';
import { type LaneDelivery, receivedSequenceOf } from '../lanes/lane.port.js';
import { ConversationTurns } from './conversation-turns.js';
import { RedeliveryCheck } from './redelivery-check.js';
import type { Outcome, Work } from './work.js';

interface Request {
  readonly request: ModelRequest;
  readonly conversationId: string | null;
  readonly userId: string | null;
  readonly streamed: boolean;
}

/** What has to be known of a message before an endpoint is looked for. */
@Injectable()
export class Preparation {
  private readonly affinity: Affinity;

  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'get'>,
    @Inject(RedeliveryCheck) private readonly redelivery: RedeliveryCheck,
    @Inject(ConversationTurns) private readonly turns: ConversationTurns,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'get'>,
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
  ) {
    this.affinity = config.loadbalancer.affinity;
  }

  /** At once in the usual case: a first delivery, of no conversation, that carries its request. */
  of(delivery: LaneDelivery): Work | Promise<Work | Outcome> {
    const inDoubt = this.redelivery.isNeeded(delivery);
    const asked = delivered(delivery);
    if (inDoubt || asked === null || !isWhole(asked)) return this.lookedUp(delivery, inDoubt);
    const { streamed } = asked;
    const request = this.inItsSession(delivery, asked);
    return { kind: 'ready', delivery, request, streamed, conversation: null, inDoubt };
  }

  private async lookedUp(delivery: LaneDelivery, inDoubt: boolean): Promise<Work | Outcome> {
    const decided = inDoubt ? await this.redelivery.ask(delivery) : null;
    if (decided !== null) return decided;
    const asked = await this.requestOf(delivery);
    if (asked === null) {
      const failure = { kind: 'request_missing', sequence: receivedSequenceOf(delivery) } as const;
      return { kind: 'failed', failure, chunksDelivered: 0 };
    }
    const { conversationId, streamed } = asked;
    const whole = await this.withParts(delivery.event.subject, asked.request);
    if (whole === null) return { kind: 'failed', failure: { kind: 'parts_missing' }, chunksDelivered: 0 };
    const request = this.inItsSession(delivery, { ...asked, request: whole });
    const { behind } = request;
    if (conversationId === null && behind === undefined)
      return { kind: 'ready', delivery, request, streamed, conversation: null, inDoubt };
    const turn =
      conversationId === null
        ? await this.turns.goingOn(delivery, request, behind!)
        : await this.turns.prepare(delivery, request, conversationId);
    return turn.kind === 'ready' ? { delivery, streamed, inDoubt, ...turn } : turn;
  }

  /** Null where its large parts are lost. @throws when the broker does not say */
  private async withParts(messageId: string, request: ModelRequest): Promise<ModelRequest | null> {
    if (request.large === undefined) return request;
    const texts = await this.parts.get(messageId, request.large);
    return texts === null ? null : withLargeParts(request, request.large, (index) => texts[index]);
  }

  private async requestOf(delivery: LaneDelivery): Promise<Request | null> {
    const asked = delivered(delivery);
    if (asked !== null) return asked;
    const sequence = receivedSequenceOf(delivery);
    const received = sequence > 0 ? (await this.log.get(sequence))?.event : undefined;
    if (received?.type !== 'llmq.message.received.v1' || received.subject !== delivery.event.subject)
      return null;
    const { request, conversation_id: conversationId, user_id: userId, stream: streamed } = received.data;
    return { request, conversationId, userId, streamed };
  }

  /** The request with what is to keep it at one endpoint. */
  private inItsSession({ event }: LaneDelivery, { request, conversationId, userId }: Request): ModelRequest {
    const owner = { tenant: event.tenant, conversationId, userId };
    const session = sessionKey(this.affinity, request.routing?.session, owner);
    return session === null ? request : { ...request, routing: { ...request.routing, session } };
  }
}

/** It can be sent as it came: nothing comes before it, and nothing of it lies elsewhere. */
function isWhole({ conversationId, request }: Request): boolean {
  return conversationId === null && request.behind === undefined && request.large === undefined;
}

function delivered({ request, conversationId, userId, streamed }: LaneDelivery): Request | null {
  return request === null ? null : { request, conversationId, userId, streamed: streamed === true };
}
