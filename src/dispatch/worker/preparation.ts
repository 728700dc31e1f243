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
  readonly streamed: boolean;
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
    const asked = delivered(delivery);
    if (inDoubt || asked === null || asked.conversationId !== null) return this.lookedUp(delivery, inDoubt);
    const { request, streamed } = asked;
    return { kind: 'ready', delivery, request, streamed, context: null, inDoubt };
  }

  private async lookedUp(delivery: LaneDelivery, inDoubt: boolean): Promise<Work | Outcome> {
    const decided = inDoubt ? await this.redelivery.ask(delivery) : null;
    if (decided !== null) return decided;
    const asked = await this.requestOf(delivery);
    if (asked === null) {
      const failure = { kind: 'request_missing', sequence: receivedSequenceOf(delivery) } as const;
      return { kind: 'failed', failure, chunksDelivered: 0 };
    }
    const { request, conversationId, streamed } = asked;
    if (conversationId === null)
      return { kind: 'ready', delivery, request, streamed, context: null, inDoubt };
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
    const { request, conversation_id: conversationId, stream: streamed } = received.data;
    return { request, conversationId, streamed };
  }
}

function delivered({ request, conversationId, streamed }: LaneDelivery): Request | null {
  return request === null ? null : { request, conversationId, streamed: streamed === true };
}
