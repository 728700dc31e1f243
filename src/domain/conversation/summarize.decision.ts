import type { CloudEventContext } from '../cloud-event.events.js';
import type { Accounting, ModelRequest, Usage } from '../message/message.events.js';
import { messagesOfTurn, type PastTurn, textOf } from './context-window.policy.js';
import { type ConversationEventOf, conversationEvent } from './conversation.events.js';

export interface SummaryWish {
  /** What the model is told to do. */
  readonly prompt: string;
  readonly model: string;
  readonly maxTokens: number;
  /** What is said of the turns before these. */
  readonly before: string | null;
  /** Oldest first. */
  readonly turns: readonly PastTurn[];
  /** A turn that is longer is cut. */
  readonly maxCharactersPerTurn: number;
}

/** As one message: a model that is shown a conversation as one goes on with it. */
export function summaryRequest(wish: SummaryWish): ModelRequest {
  const told = wish.before === null ? [] : [`Summary so far:\n${wish.before}`];
  const turns = wish.turns.map((turn) => cut(transcript(turn), wish.maxCharactersPerTurn));
  return {
    messages: [
      { role: 'system', content: wish.prompt },
      { role: 'user', content: [...told, `Conversation:\n${turns.join('\n')}`].join('\n\n') },
    ],
    model: wish.model,
    parameters: { max_tokens: wish.maxTokens },
  };
}

export interface MadeSummary {
  readonly text: string;
  readonly model: string;
  readonly endpoint: string;
  readonly tokens: number;
  readonly usage: Usage | null;
  readonly accounting: Accounting | null;
  /** Oldest first, at least one. */
  readonly turns: readonly PastTurn[];
}

/** @param context its subject is the conversation's id */
export function summarized(
  context: CloudEventContext,
  { text, model, endpoint, tokens, usage, accounting, turns }: MadeSummary,
): ConversationEventOf<'llmq.conversation.summarized.v1'> {
  const last = turns[turns.length - 1]!;
  return conversationEvent(context, 'llmq.conversation.summarized.v1', {
    ...{ up_to_sequence: last.place, up_to_message_id: last.messageId, turns: turns.length },
    ...{ summary: text, model, endpoint, tokens, usage, accounting },
  });
}

function transcript(turn: PastTurn): string {
  return messagesOfTurn(turn)
    .map((message) => `${message.role}: ${textOf(message)}`)
    .join('\n');
}

/** Never between the two halves of a character. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')} [...]`;
}
