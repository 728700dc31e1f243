import type { ModelRequest } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import type { ConversationTurns } from './conversation-turns.js';
import type { EarlierRuns } from './earlier-runs.js';
import type { Prepared } from './prepared.js';
import { receivedSequenceOf, type Work } from './work.js';

interface Request {
  readonly request: ModelRequest;
  readonly conversationId: string | null;
}

export class Preparation {
  constructor(
    private readonly log: EventLog,
    private readonly earlierRuns: EarlierRuns,
    private readonly turns: ConversationTurns,
  ) {}

  /** The usual case without waiting: a first delivery, of no conversation, that carries its request. Null for all others. */
  atOnce(delivery: LaneDelivery): Work | null {
    const { request, conversationId } = delivery;
    if (request === null || conversationId !== null || this.earlierRuns.possible(delivery)) return null;
    return { delivery, request, context: null };
  }

  /** True when what was prepared has been cancelled or has expired since, and must be prepared again. */
  overtaken(delivery: LaneDelivery): boolean {
    return this.earlierRuns.overtaken(delivery);
  }

  async prepare(delivery: LaneDelivery): Promise<Prepared> {
    if (this.earlierRuns.possible(delivery)) {
      const decision = await this.earlierRuns.decide(delivery);
      if (decision === null) return { kind: 'unclear' };
      if (decision.kind !== 'call') return { kind: 'known', decision };
    }
    const asked = await this.requestOf(delivery);
    if (asked === null) return { kind: 'request_missing', sequence: receivedSequenceOf(delivery) };
    if (asked.conversationId === null) {
      return { kind: 'ready', work: { delivery, request: asked.request, context: null } };
    }
    return this.turns.prepare(delivery, asked.request, asked.conversationId);
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
