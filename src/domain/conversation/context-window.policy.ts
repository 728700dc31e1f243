import type { ChatMessage, ModelRequest } from '../message/message.events.js';

/** How many tokens a text has. */
export type TokenCount = (text: string) => number;

/** A turn that may be sent again as a part of the history. */
export interface PastTurn {
  readonly messageId: string;
  /** In the order of its conversation's turns. */
  readonly place: number;
  /** Exactly one of the two is there. */
  readonly content: string | null;
  readonly messages: readonly ChatMessage[] | null;
  /** Null where it has no answer that counts. */
  readonly answer: ({ readonly content: string | null } & Record<string, unknown>) | null;
}

export interface ContextWindow {
  readonly systemPrompt: string | null;
  /** Stands for all turns up to a place. */
  readonly summary: { readonly upToSequence: number; readonly text: string } | null;
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
  /** As far as the summary reaches that is sent; null where none is. */
  readonly summarizedUpTo: number | null;
  /** An estimate: models count otherwise. */
  readonly tokens: number;
  /** Those of the turns that are sent. */
  readonly turnTokens: number;
  /** An answered turn that no summary covers did not fit. */
  readonly leftOut: boolean;
  /** There is a summary, and it did not fit. */
  readonly summaryLeftOut: boolean;
  /** The budget that all this was chosen for. */
  readonly maxTokens: number;
}

/** What the chat format adds to each message, as OpenAI's cookbook counts it. */
const TOKENS_PER_MESSAGE = 4;

/**
 * What a model is sent of a conversation: the system prompt and the new request always, the summary where it fits, then
 * the newest turns that it does not cover as long as they fit, each with its question and its answer or not at all. The
 * first turn that does not fit ends it: a history with a hole in it says something that was never said.
 */
export function chooseContext(window: ContextWindow, count: TokenCount): ChosenContext {
  const { summary, maxTokens } = window;
  const asked = messagesOf(window.request);
  const summed = tokensOf([...head(window, summary), ...asked], count) <= maxTokens ? summary : null;
  const system = head(window, summed);
  const before = tokensOf([...system, ...asked], count);
  const answered = uncovered(window);
  const chosen: { readonly turn: PastTurn; readonly messages: readonly ChatMessage[] }[] = [];
  let turnTokens = 0;
  for (const turn of answered) {
    const messages = messagesOfTurn(turn);
    const more = tokensOf(messages, count);
    if (before + turnTokens + more > maxTokens) break;
    turnTokens += more;
    chosen.unshift({ turn, messages });
  }
  return {
    messages: [...system, ...chosen.flatMap(({ messages }) => messages), ...asked],
    turns: chosen.map(({ turn }) => turn.messageId),
    summarizedUpTo: summed?.upToSequence ?? null,
    tokens: before + turnTokens,
    turnTokens,
    leftOut: chosen.length < answered.length,
    summaryLeftOut: summed !== summary,
    maxTokens,
  };
}

/** What an answered turn counts as a part of the history. */
export function tokensOfTurn(turn: PastTurn, count: TokenCount): number {
  return tokensOf(messagesOfTurn(turn), count);
}

/** The question as it was asked and the answer that it got; nothing where it got none. */
export function messagesOfTurn(turn: PastTurn): readonly ChatMessage[] {
  return turn.answer === null ? [] : [...messagesOf(turn), { ...turn.answer, role: 'assistant' }];
}

function uncovered({ earlier, summary }: ContextWindow): readonly PastTurn[] {
  const covered = summary?.upToSequence ?? 0;
  return earlier.filter(({ answer, place }) => answer !== null && place > covered);
}

/** One message: chat templates of some models refuse a second one of the system's. */
function head({ systemPrompt }: ContextWindow, summary: ContextWindow['summary']): ChatMessage[] {
  const told = summary === null ? null : `Summary of the conversation so far:\n${summary.text}`;
  const parts = [systemPrompt, told].filter((part) => part !== null);
  return parts.length === 0 ? [] : [{ role: 'system', content: parts.join('\n\n') }];
}

function messagesOf({
  content,
  messages,
}: {
  readonly content?: string | null | undefined;
  readonly messages?: readonly ChatMessage[] | null | undefined;
}): readonly ChatMessage[] {
  return messages ?? [{ role: 'user', content: content ?? '' }];
}

function tokensOf(messages: readonly ChatMessage[], count: TokenCount): number {
  return messages.reduce((sum, message) => sum + TOKENS_PER_MESSAGE + count(textOf(message)), 0);
}

/** Parts, tool calls and whatever else a message has are counted as the JSON that they are sent as. */
export function textOf({ role: _, content, ...rest }: ChatMessage): string {
  const text = typeof content === 'string' ? content : content == null ? '' : JSON.stringify(content);
  return Object.keys(rest).length === 0 ? text : text + JSON.stringify(rest);
}
