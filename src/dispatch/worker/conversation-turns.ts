import { Inject, Injectable } from '@nestjs/common';
import { ConversationContext } from '../../conversations/conversation-context.js';
import { LastCuts } from '../../conversations/last-cuts.js';
import { tokenCount } from '../../conversations/token-count.js';
import { TurnGate } from '../../conversations/turn-gate.js';
import type { ModelLimits } from '../../domain/conversation/context-budget.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import { type LaneDelivery, receivedSequenceOf } from '../lanes/lane.port.js';
import { limitsOf } from './model-limits.policy.js';
import { Summaries } from './summaries.js';
import { ToldTurn } from './told-turn.js';
import type { Outcome, Work } from './work.js';
import { WorkerStop } from './worker-stop.js';

/** How long a turn keeps its slot while the projection has yet to reach it. */
const GATE_WAIT_MS = 5_000;

/** A turn that may run, with what the model is told; or why it may not. */
export type PreparedTurn =
  | Pick<Work, 'kind' | 'request' | 'conversation'>
  | Extract<Outcome, { kind: 'held' | 'unclear' }>;

/** A message that is a turn of a conversation: whether it may run now, and what the model is told of the turns before. */
@Injectable()
export class ConversationTurns {
  private readonly gate: TurnGate;
  private readonly context: ConversationContext;

  constructor(
    @Inject(ConversationReader)
    private readonly reader: Pick<ConversationReader, 'find' | 'turns' | 'chain' | 'placeOf' | 'lastCalls'>,
    @Inject(EVENT_LOG) log: Pick<EventLog, 'get'>,
    @Inject(EndpointRegistry) private readonly registry: Pick<EndpointRegistry, 'offers' | 'defaultModel'>,
    @Inject(ProjectionPosition) position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(SERVICE_CONFIG) { conversation }: ServiceConfig,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'get'>,
    @Inject(Summaries) private readonly summaries: Summaries,
    @Inject(WorkerStop) private readonly stop: WorkerStop,
  ) {
    this.gate = new TurnGate(reader, position, GATE_WAIT_MS);
    const measuring = async () => ({ count: await tokenCount(), parts: conversation.part_tokens });
    const { max_context_tokens: maxTokens } = conversation;
    this.context = new ConversationContext(reader, new LastCuts(reader, log), measuring, maxTokens);
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
    const likely = this.likely(request);
    const context = await this.context.of(turn, request, answer.earlier, likely);
    if (likely[0] !== undefined) this.summaries.consider(turn, context(likely[0]));
    return {
      kind: 'ready',
      request,
      conversation: new ToldTurn(delivery.event.subject, request, context, this.context, this.parts),
    };
  }

  /** A message that goes on from another one, which has ended: it waits for nobody. */
  async goingOn(
    { event }: LaneDelivery,
    request: ModelRequest,
    behind: string,
  ): Promise<Pick<Work, 'kind' | 'request' | 'conversation'>> {
    const context = await this.context.behind(event.tenant, behind, request, this.likely(request));
    const conversation = new ToldTurn(event.subject, request, context, this.context, this.parts);
    return { kind: 'ready', request, conversation };
  }

  /** The deployments of the wanted model, the one that takes least first: a summary is for that one, too. */
  private likely({ model }: ModelRequest): readonly ModelLimits[] {
    const wanted = model ?? this.registry.defaultModel;
    const limits = this.registry.offers(wanted).map(({ offer }) => limitsOf(wanted, offer));
    const context = ({ contextTokens }: ModelLimits) => contextTokens ?? Number.MAX_SAFE_INTEGER;
    return limits.sort((one, other) => context(one) - context(other));
  }

  /** One that is there for its first attempt was never requeued. Another was looked up before, so the projection has it. */
  private async placeOf(delivery: LaneDelivery): Promise<number> {
    const received = receivedSequenceOf(delivery);
    if (delivery.event.data.attempt === 1) return received;
    return (await this.reader.placeOf(delivery.event.subject)) ?? received;
  }
}
