import type { CloudEventContext } from '../cloud-event.events.js';
import type { Accounting, ChatMessage, ModelRequest, Usage } from '../message/message.events.js';
import { type ConversationEventOf, conversationEvent } from './conversation.events.js';
import { kindOf, textOfPart } from './message-tokens.policy.js';
import { askedOf, messagesOfTurn, type PastTurn } from './past-turn.state.js';

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

/**
 * How many of the turns that are to be summed up leave the rest in one piece: what goes on with the calls of the answer
 * before is not parted from it, unless it is all one.
 */
export function wholeExchanges(turns: readonly PastTurn[], most: number): number {
  for (let taken = most; taken > 0; taken -= 1) {
    const next = turns[taken];
    if (next === undefined || !askedOf(next).some(({ role }) => role === 'tool')) return taken;
  }
  return most;
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
    .map((message) => `${message.role}: ${wordsOf(message)}`)
    .join('\n');
}

/** Of what is no text the kind alone: a model that sums up can't look at it. */
function wordsOf({ role: _, content, reasoning_content: _thought, ...rest }: ChatMessage): string {
  const parts = Array.isArray(content) ? content : [content];
  const text = parts.map(
    (part: unknown) => textOfPart(part) ?? `[${kindOf((part as { type?: unknown }).type)}]`,
  );
  return text.join('\n') + (Object.keys(rest).length === 0 ? '' : JSON.stringify(rest));
}

/** Never between the two halves of a character. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')} [...]`;
}
