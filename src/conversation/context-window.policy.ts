import type { ChatMessage, ModelRequest } from '../message/message.events.js';

/** How many tokens a text has. */
export type TokenCount = (text: string) => number;

/** A turn that may be sent again as a part of the history. */
export interface PastTurn {
  readonly messageId: string;
  /** Exactly one of the two is there. */
  readonly content: string | null;
  readonly messages: readonly ChatMessage[] | null;
  /** Null where it has no answer that counts. */
  readonly answer: ({ readonly content: string | null } & Record<string, unknown>) | null;
}

export interface ContextWindow {
  readonly systemPrompt: string | null;
  /** Turns before this one, newest first; those without an answer are never sent. */
  readonly earlier: readonly PastTurn[];
  readonly request: ModelRequest;
  /** For all that is sent, the new request included. */
  readonly maxTokens: number;
}

export interface ChosenContext {
  readonly messages: ChatMessage[];
  /** The messages whose turns are sent, oldest first. */
  readonly turns: readonly string[];
  /** An estimate: models count otherwise. */
  readonly tokens: number;
}

/** What the chat format adds to each message, as OpenAI's cookbook counts it. */
const TOKENS_PER_MESSAGE = 4;

/**
 * What a model is sent of a conversation: the system prompt and the new request always, then the newest turns as long as
 * they fit, each with its question and its answer or not at all. The first turn that does not fit ends it: a history
 * with a hole in it says something that was never said.
 */
export function chooseContext(window: ContextWindow, count: TokenCount): ChosenContext {
  const head = window.systemPrompt === null ? [] : [{ role: 'system', content: window.systemPrompt }];
  const asked = messagesOf(window.request.content, window.request.messages);
  let tokens = tokensOf([...head, ...asked], count);
  const chosen: { readonly turn: PastTurn; readonly messages: readonly ChatMessage[] }[] = [];
  for (const turn of window.earlier) {
    if (turn.answer === null) continue;
    const messages = [...messagesOf(turn.content, turn.messages), { ...turn.answer, role: 'assistant' }];
    const more = tokensOf(messages, count);
    if (tokens + more > window.maxTokens) break;
    tokens += more;
    chosen.unshift({ turn, messages });
  }
  return {
    messages: [...head, ...chosen.flatMap(({ messages }) => messages), ...asked],
    turns: chosen.map(({ turn }) => turn.messageId),
    tokens,
  };
}

function messagesOf(
  content: string | null | undefined,
  messages: readonly ChatMessage[] | null | undefined,
): readonly ChatMessage[] {
  return messages ?? [{ role: 'user', content: content ?? '' }];
}

function tokensOf(messages: readonly ChatMessage[], count: TokenCount): number {
  return messages.reduce((sum, message) => sum + TOKENS_PER_MESSAGE + count(textOf(message)), 0);
}

/** Parts, tool calls and whatever else a message has are counted as the JSON that they are sent as. */
function textOf({ role: _, content, ...rest }: ChatMessage): string {
  const text = typeof content === 'string' ? content : content == null ? '' : JSON.stringify(content);
  return Object.keys(rest).length === 0 ? text : text + JSON.stringify(rest);
}
