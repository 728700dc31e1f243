import { Inject, Injectable } from '@nestjs/common';
import type { ModelRequest } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { type LaneDelivery, receivedSequenceOf } from '../lanes/lane.port.js';
import { ConversationTurns } from './conversation-turns.js';
import { RedeliveryCheck } from './redelivery-check.js';
import type { Outcome, Work } from './work.js';

interface Request {
  readonly request: ModelRequest;
  readonly conversationId: string | null;
}

/** What has to be known of a message before an endpoint is looked for. */
@Injectable()
export class Preparation {
  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'get'>,
    @Inject(RedeliveryCheck) private readonly redelivery: RedeliveryCheck,
    @Inject(ConversationTurns) private readonly turns: ConversationTurns,
  ) {}

  /** At once in the usual case: a first delivery, of no conversation, that carries its request. */
  of(delivery: LaneDelivery): Work | Promise<Work | Outcome> {
    const inDoubt = this.redelivery.isNeeded(delivery);
    const { request, conversationId } = delivery;
    if (inDoubt || request === null || conversationId !== null) return this.lookedUp(delivery, inDoubt);
    return { kind: 'ready', delivery, request, context: null, inDoubt };
  }

  private async lookedUp(delivery: LaneDelivery, inDoubt: boolean): Promise<Work | Outcome> {
    const decided = inDoubt ? await this.redelivery.ask(delivery) : null;
    if (decided !== null) return decided;
    const asked = await this.requestOf(delivery);
    if (asked === null) {
      const failure = { kind: 'request_missing', sequence: receivedSequenceOf(delivery) } as const;
      return { kind: 'failed', failure, chunksDelivered: 0 };
    }
    const { request, conversationId } = asked;
    if (conversationId === null) return { kind: 'ready', delivery, request, context: null, inDoubt };
    const turn = await this.turns.prepare(delivery, request, conversationId);
    return turn.kind === 'ready' ? { ...turn, delivery, inDoubt } : turn;
  }

  private async requestOf(delivery: LaneDelivery): Promise<Request | null> {
    const { request, conversationId } = delivery;
    if (request !== null) return { request, conversationId };
    const sequence = receivedSequenceOf(delivery);
    const received = sequence > 0 ? (await this.log.get(sequence))?.event : undefined;
    if (received?.type !== 'llmq.message.received.v1' || received.subject !== delivery.event.subject)
      return null;
    return { request: received.data.request, conversationId: received.data.conversation_id };
  }
}
