import type { ConversationContext } from '../../conversations/conversation-context.js';
import type { Summarizer } from '../../conversations/summarizer.js';
import type { TurnGate } from '../../conversations/turn-gate.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import type { ConversationReader } from '../../projection/read/conversation-reader.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import type { Prepared } from './prepared.js';
import { receivedSequenceOf } from './work.js';

/** A message that is a turn of a conversation: whether it may run now, and what the model is told of the turns before. */
export class ConversationTurns {
  constructor(
    private readonly gate: TurnGate,
    private readonly context: ConversationContext,
    private readonly reader: Pick<ConversationReader, 'placeOf'>,
    private readonly stopping: AbortSignal,
    /** Null where conversations are not summed up. */
    private readonly summarizer: Summarizer | null,
  ) {}

  async prepare(delivery: LaneDelivery, request: ModelRequest, conversationId: string): Promise<Prepared> {
    const { tenant } = delivery.event;
    const turn = { tenant, conversationId, place: await this.placeOf(delivery) };
    const answer = await this.gate.ask(turn, this.stopping);
    if (answer.kind === 'unclear') return { kind: 'unclear' };
    if (answer.kind === 'behind') return { kind: 'held', behind: answer.messageId };
    const chosen = await this.context.of(turn, request, answer.earlier);
    this.summarizer?.consider(turn, chosen);
    const { messages, turns, tokens, summarizedUpTo, maxTokens } = chosen;
    const { content: _, ...rest } = request;
    const context = {
      ...{ turns: [...turns], tokens, max_tokens: maxTokens },
      left_out: chosen.leftOut || chosen.summaryLeftOut,
      ...(summarizedUpTo === null ? {} : { summarized_up_to: summarizedUpTo }),
    };
    return { kind: 'ready', work: { delivery, request: { ...rest, messages }, context } };
  }

  /** One that is there for its first attempt was never requeued. Another was looked up before, so the projection has it. */
  private async placeOf(delivery: LaneDelivery): Promise<number> {
    const received = receivedSequenceOf(delivery);
    if (delivery.event.data.attempt === 1) return received;
    return (await this.reader.placeOf(delivery.event.subject)) ?? received;
  }
}
