import { Inject, Injectable } from '@nestjs/common';
import type { ModelRequest } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
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
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
  ) {
    this.affinity = config.loadbalancer.affinity;
  }

  /** At once in the usual case: a first delivery, of no conversation, that carries its request. */
  of(delivery: LaneDelivery): Work | Promise<Work | Outcome> {
    const inDoubt = this.redelivery.isNeeded(delivery);
    const asked = delivered(delivery);
    if (inDoubt || asked === null || asked.conversationId !== null) return this.lookedUp(delivery, inDoubt);
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
    const request = this.inItsSession(delivery, asked);
    if (conversationId === null)
      return { kind: 'ready', delivery, request, streamed, conversation: null, inDoubt };
    const turn = await this.turns.prepare(delivery, request, conversationId);
    return turn.kind === 'ready' ? { ...turn, delivery, streamed, inDoubt } : turn;
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

function delivered({ request, conversationId, userId, streamed }: LaneDelivery): Request | null {
  return request === null ? null : { request, conversationId, userId, streamed: streamed === true };
}
