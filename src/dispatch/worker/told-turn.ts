import type { ContextFor, ConversationContext } from '../../conversations/conversation-context.js';
import type { ChosenContext } from '../../domain/conversation/context-window.policy.js';
import type {
  HistoryNote,
  MessageEventData,
  ModelRequest,
  Usage,
} from '../../domain/message/message.events.js';
import type { ModelOffer } from '../endpoints/endpoint.state.js';
import type { EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { limitsOf } from './model-limits.policy.js';

type SentContext = NonNullable<MessageEventData['llmq.message.dispatched.v1']['context']>;
type Asked = Pick<EndpointLease, 'model'> & { readonly offer: ModelOffer };

/** A turn of a conversation, as the deployments that it is sent to are told of what came before. */
export class ToldTurn {
  constructor(
    private readonly messageId: string,
    private readonly request: ModelRequest,
    private readonly contextFor: ContextFor,
    private readonly conversations: Pick<ConversationContext, 'answered'>,
  ) {}

  /** What the deployment is asked, the history included. */
  requestFor(lease: Asked): ModelRequest {
    const { content: _, ...rest } = this.request;
    return { ...rest, messages: this.chosen(lease).messages };
  }

  /** For the record of the call. */
  recordFor(lease: Asked): SentContext {
    const { turns, tokens, maxTokens, cutAt, summarizedUpTo, changes, ...chosen } = this.chosen(lease);
    return {
      ...{ turns: [...turns], tokens, max_tokens: maxTokens },
      left_out: chosen.leftOut || chosen.summaryLeftOut,
      ...(cutAt === null ? {} : { cut_at: cutAt === 'self' ? this.messageId : cutAt }),
      ...(summarizedUpTo === null ? {} : { summarized_up_to: summarizedUpTo }),
      ...(Object.keys(changes).length === 0 ? {} : { changes }),
    };
  }

  /** For the client, where something did not fit. */
  noteFor(lease: Asked): HistoryNote | null {
    const { tokens, maxTokens, leftOut, summaryLeftOut } = this.chosen(lease);
    const note = { left_out: leftOut || summaryLeftOut, exceeds: tokens > maxTokens };
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
