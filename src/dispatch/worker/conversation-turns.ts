import { Inject, Injectable } from '@nestjs/common';
import { ConversationContext } from '../../conversations/conversation-context.js';
import { tokenCount } from '../../conversations/token-count.js';
import { TurnGate } from '../../conversations/turn-gate.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { type LaneDelivery, receivedSequenceOf } from '../lanes/lane.port.js';
import { Summaries } from './summaries.js';
import type { Outcome, Work } from './work.js';
import { WorkerStop } from './worker-stop.js';

/** How long a turn keeps its slot while the projection has yet to reach it. */
const GATE_WAIT_MS = 5_000;

/** A turn that may run, with what the model is told; or why it may not. */
export type PreparedTurn =
  | Pick<Work, 'kind' | 'request' | 'context'>
  | Extract<Outcome, { kind: 'held' | 'unclear' }>;

/** A message that is a turn of a conversation: whether it may run now, and what the model is told of the turns before. */
@Injectable()
export class ConversationTurns {
  private readonly gate: TurnGate;
  private readonly context: ConversationContext;

  constructor(
    @Inject(ConversationReader)
    private readonly reader: Pick<ConversationReader, 'find' | 'turns' | 'placeOf'>,
    @Inject(ProjectionPosition) position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(SERVICE_CONFIG) { conversation }: ServiceConfig,
    @Inject(Summaries) private readonly summaries: Summaries,
    @Inject(WorkerStop) private readonly stop: WorkerStop,
  ) {
    this.gate = new TurnGate(reader, position, GATE_WAIT_MS);
    this.context = new ConversationContext(reader, tokenCount, conversation.max_context_tokens);
  }

  /** @throws {WorkerStoppingError} when the worker's time is over before the projection has caught up */
  async prepare(
    delivery: LaneDelivery,
    request: ModelRequest,
    conversationId: string,
  ): Promise<PreparedTurn> {
    const { tenant } = delivery.event;
    const turn = { tenant, conversationId, place: await this.placeOf(delivery) };
    const answer = await this.gate.ask(turn, this.stop.signal);
    if (answer.kind === 'unclear') {
      this.stop.signal.throwIfAborted();
      return answer;
    }
    if (answer.kind === 'behind') return { kind: 'held', behind: answer.messageId };
    const chosen = await this.context.of(turn, request, answer.earlier);
    this.summaries.consider(turn, chosen);
    const { messages, turns, tokens, summarizedUpTo, maxTokens } = chosen;
    const { content: _, ...rest } = request;
    const context = {
      ...{ turns: [...turns], tokens, max_tokens: maxTokens },
      left_out: chosen.leftOut || chosen.summaryLeftOut,
      ...(summarizedUpTo === null ? {} : { summarized_up_to: summarizedUpTo }),
    };
    return { kind: 'ready', request: { ...rest, messages }, context };
  }

  /** One that is there for its first attempt was never requeued. Another was looked up before, so the projection has it. */
  private async placeOf(delivery: LaneDelivery): Promise<number> {
    const received = receivedSequenceOf(delivery);
    if (delivery.event.data.attempt === 1) return received;
    return (await this.reader.placeOf(delivery.event.subject)) ?? received;
  }
}
