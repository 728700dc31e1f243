import type { ChatMessage, ModelRequest } from '../../domain/message/message.events.js';

export interface AskedText {
  /** All text of the request, for what it costs a model to read. */
  readonly whole: string;
  /**
   * What is asked now, for what it means: the content, or the last message of a chat that a user wrote. Neither an
   * instruction that comes with every chat nor an urgent turn of yesterday makes this one urgent.
   */
  readonly asked: string;
  /** What was asked in tokens rather than in text; absent for none. */
  readonly tokens?: number;
}

export function askedText({ kind, content, messages, parameters }: ModelRequest): AskedText {
  if (kind === 'completion') return askedIn(parameters['prompt']);
  if (kind === 'embeddings') return askedIn(parameters['input']);
  if (content !== undefined) return { whole: content, asked: content };
  const texts = (messages ?? []).map(textOf);
  const fromUser = (messages ?? []).findLastIndex(({ role }, at) => role === 'user' && texts[at] !== '');
  return { whole: texts.join('\n'), asked: texts[fromUser] ?? texts.findLast((text) => text !== '') ?? '' };
}

/** A text or its tokens, or a list of either: all of it is asked now. */
function askedIn(asked: unknown): AskedText {
  if (typeof asked === 'string') return { whole: asked, asked };
  const items: unknown[] = Array.isArray(asked) ? asked : [];
  const whole = items.filter((item) => typeof item === 'string').join('\n');
  const tokens = items.reduce<number>((sum, item) => sum + tokensIn(item), 0);
  return { whole, asked: whole, ...(tokens === 0 ? {} : { tokens }) };
}

function tokensIn(item: unknown): number {
  if (typeof item === 'number') return 1;
  return Array.isArray(item) ? item.length : 0;
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

/** Of a long text, what people read first: the beginning, and the end, where the request follows what was pasted. */
const HEAD = 3_072;
const TAIL = 1_024;

export interface Excerpt {
  readonly text: string;
  /** How many times longer the whole is: what is counted in the excerpt is multiplied by it. 1 for a short text. */
  readonly factor: number;
}

/** Bounds the time that any analysis takes, however long the text is. Lengths are in UTF-16 units. */
export function excerptOf(text: string): Excerpt {
  if (text.length <= HEAD + TAIL) return { text, factor: 1 };
  const tail = text.length - TAIL;
  // A line between the two, so that no word is made of halves.
  const excerpt = `${text.slice(0, HEAD - halves(text, HEAD))}\n${text.slice(tail + halves(text, tail))}`;
  return { text: excerpt, factor: text.length / (HEAD + TAIL) };
}

/** 1 where a cut at this place would part a surrogate pair. */
function halves(text: string, at: number): 0 | 1 {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? 1 : 0;
}
