import type { ChatMessage, ModelRequest } from '../../domain/message/message.events.js';

export interface AskedText {
  /** All text of the request, for what it costs a model to read. */
  readonly whole: string;
  /**
   * What is asked now, for what it means: the content, or the last message of a chat that a user wrote. Neither an
   * instruction that comes with every chat nor an urgent turn of yesterday makes this one urgent.
   */
  readonly asked: string;
}

export function askedText({ content, messages }: ModelRequest): AskedText {
  if (content !== undefined) return { whole: content, asked: content };
  const texts = (messages ?? []).map(textOf);
  const fromUser = (messages ?? []).findLastIndex(({ role }, at) => role === 'user' && texts[at] !== '');
  return { whole: texts.join('\n'), asked: texts[fromUser] ?? texts.findLast((text) => text !== '') ?? '' };
}

/** A message's content is a text, or parts of which some are text; anything else says nothing to us. */
function textOf(message: ChatMessage): string {
  const content = message['content'];
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map(partText)
    .filter((text) => text !== '')
    .join('\n');
}

function partText(part: unknown): string {
  const text = (part as { text?: unknown } | null)?.text;
  return typeof text === 'string' ? text : '';
}
