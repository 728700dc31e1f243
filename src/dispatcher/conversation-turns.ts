import type { ConversationContext } from '../conversation/conversation-context.js';
import type { TurnGate } from '../conversation/turn-gate.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import type { ModelRequest } from '../message/message.events.js';
import type { Prepared } from './prepared.js';
import { receivedSequenceOf } from './work.js';

/** A message that is a turn of a conversation: whether it may run now, and what the model is told of the turns before. */
export class ConversationTurns {
  constructor(
    private readonly gate: TurnGate,
    private readonly context: ConversationContext,
    private readonly stopping: AbortSignal,
  ) {}

  async prepare(delivery: LaneDelivery, request: ModelRequest, conversationId: string): Promise<Prepared> {
    const { tenant } = delivery.event;
    const turn = { tenant, conversationId, receivedSequence: receivedSequenceOf(delivery) };
    const answer = await this.gate.ask(turn, this.stopping);
    if (answer.kind === 'unclear') return { kind: 'unclear' };
    if (answer.kind === 'behind') return { kind: 'held', behind: answer.messageId };
    const { messages, turns, tokens } = await this.context.of(turn, request, answer.earlier);
    const { content: _, ...rest } = request;
    return {
      kind: 'ready',
      work: { delivery, request: { ...rest, messages }, context: { turns: [...turns], tokens } },
    };
  }
}
