import type { ContextFor, ConversationContext } from '../../conversations/conversation-context.js';
import type { ChosenContext } from '../../domain/conversation/context-window.policy.js';
import { filled, type LargeText, largeTextsIn } from '../../domain/message/large-text.policy.js';
import type {
  HistoryNote,
  MessageEventData,
  ModelRequest,
  Usage,
} from '../../domain/message/message.events.js';
import type { PartStore } from '../../log/jetstream/part-store.js';
import type { ModelOffer } from '../endpoints/endpoint.state.js';
import { ModelCallError } from '../endpoints/model-endpoint.port.js';
import type { EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { limitsOf } from './model-limits.policy.js';

type SentContext = NonNullable<MessageEventData['llmq.message.dispatched.v1']['context']>;
type Asked = Pick<EndpointLease, 'model'> & { readonly offer: ModelOffer };

/** A turn of a conversation, as the deployments that it is sent to are told of what came before. */
export class ToldTurn {
  /** Of earlier messages, fetched once for all calls; null for one whose parts are lost. */
  private readonly texts = new Map<string, readonly string[] | null>();

  constructor(
    private readonly messageId: string,
    private readonly request: ModelRequest,
    private readonly contextFor: ContextFor,
    private readonly conversations: Pick<ConversationContext, 'answered'>,
    private readonly parts: Pick<PartStore, 'get'>,
  ) {}

  /**
   * What the deployment is asked, the history included. A large part of an earlier turn that is lost is told as lost.
   * @throws {ModelCallError} where the history does not fit, and its client wants all of it to be sent or nothing; and
   * where there is nothing to send
   * @throws when the broker does not say
   */
  requestFor(lease: Asked): ModelRequest | Promise<ModelRequest> {
    const chosen = this.chosen(lease);
    if (isCut(chosen) && this.request.response?.settings['truncation'] === 'disabled') throw tooLong(chosen);
    const { messages } = chosen;
    if (messages.length === 0) throw nothingSaid();
    const stands = largeTextsIn(messages);
    const request = this.atHandFor(lease);
    return stands.length === 0 ? request : this.filled(request, stands);
  }

  /** The same, but for large parts of earlier turns, which lie elsewhere. */
  atHandFor(lease: Asked): ModelRequest {
    const { content: _content, messages: _own, instructions: _said, ...rest } = this.request;
    return { messages: this.chosen(lease).messages, ...rest };
  }

  private async filled(request: ModelRequest, stands: readonly LargeText[]): Promise<ModelRequest> {
    const large = new Map(stands.map((stand) => [stand.messageId, stand.large]));
    for (const [messageId, parts] of large) {
      if (!this.texts.has(messageId)) this.texts.set(messageId, await this.parts.get(messageId, parts));
    }
    const textOf = ({ messageId, index }: LargeText) => this.texts.get(messageId)?.[index] ?? null;
    return { ...request, messages: filled(request.messages ?? [], textOf) };
  }

  /** For the record of the call. */
  recordFor(lease: Asked): SentContext {
    const chosen = this.chosen(lease);
    const { turns, tokens, maxTokens, cutAt, summarizedUpTo, changes } = chosen;
    return {
      ...{ turns: [...turns], tokens, max_tokens: maxTokens },
      left_out: isCut(chosen),
      ...(cutAt === null ? {} : { cut_at: cutAt === 'self' ? this.messageId : cutAt }),
      ...(summarizedUpTo === null ? {} : { summarized_up_to: summarizedUpTo }),
      ...(Object.keys(changes).length === 0 ? {} : { changes }),
    };
  }

  /** For the client, where something did not fit. */
  noteFor(lease: Asked): HistoryNote | null {
    const chosen = this.chosen(lease);
    const { tokens, maxTokens } = chosen;
    const note = { left_out: isCut(chosen), exceeds: tokens > maxTokens };
    return note.left_out || note.exceeds ? { ...note, tokens, max_tokens: maxTokens } : null;
  }

  /** To be told what the endpoint counted. */
  answered(lease: Asked, usage: Usage | null): void {
    if (usage === null) return;
    this.conversations.answered(
      limitsOf(lease.model, lease.offer),
      this.chosen(lease).tokens,
      usage.prompt_tokens,
    );
  }

  private chosen({ model, offer }: Asked): ChosenContext {
    return this.contextFor(limitsOf(model, offer));
  }
}

function isCut({ leftOut, summaryLeftOut }: ChosenContext): boolean {
  return leftOut || summaryLeftOut;
}

/** A turn that asks nothing new, behind turns that were erased or never answered. No model takes an empty chat. */
function nothingSaid(): ModelCallError {
  const message = 'The request asks nothing, and nothing is left of what came before it.';
  return new ModelCallError(
    { code: 'nothing_asked', message, retryable: false, status: 400 },
    { unsent: true },
  );
}

/** In OpenAI's word for it. Another endpoint of the model has no more room, and a later call neither. */
function tooLong({ maxTokens }: ChosenContext): ModelCallError {
  const message = `What came before does not fit into ${maxTokens} tokens with the request, and truncation is disabled.`;
  return new ModelCallError(
    { code: 'context_length_exceeded', message, retryable: false, status: 400 },
    { unsent: true },
  );
}
