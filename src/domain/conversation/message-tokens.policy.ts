import { LargeText } from '../message/large-text.policy.js';
import type { ChatMessage } from '../message/message.events.js';

/** How many tokens a text has. */
export type TokenCount = (text: string) => number;

/** What a part that is no text counts, in tokens: its size in bytes says nothing of what a model makes of it. */
export interface PartTokens {
  /** A picture with `detail: low`. */
  readonly picture_low: number;
  /** Any other picture. */
  readonly picture_high: number;
  readonly audio: number;
  /** A file, and whatever else is known by no name. */
  readonly file: number;
}

/** Counts the tokens of messages as a model is sent them. It is an estimate: models count otherwise. */
export interface Measure {
  readonly count: TokenCount;
  readonly parts: PartTokens;
}

/** What the chat format adds to each message, as OpenAI's cookbook counts it. */
const TOKENS_PER_MESSAGE = 4;
/** Of English, for a text that is not at hand. */
const BYTES_PER_TOKEN = 4;

export function tokensOf(messages: readonly ChatMessage[], measure: Measure): number {
  return messages.reduce((sum, message) => sum + tokensOfMessage(message, measure), 0);
}

function tokensOfMessage({ role: _, content, ...rest }: ChatMessage, measure: Measure): number {
  const parts = Array.isArray(content) ? content : [content];
  const tokens = parts.reduce((sum: number, part: unknown) => sum + tokensOfPart(part, measure), 0);
  return TOKENS_PER_MESSAGE + tokens + tokensOfFields(rest, measure);
}

/** Tool calls, names and whatever else a message has are counted as the JSON that they are sent as. */
function tokensOfFields(fields: Record<string, unknown>, { count }: Measure): number {
  return Object.keys(fields).length === 0 ? 0 : count(JSON.stringify(fields));
}

function tokensOfPart(part: unknown, { count, parts }: Measure): number {
  const told =
    part instanceof LargeText ? part : (part as { readonly text?: unknown } | null | undefined)?.text;
  if (told instanceof LargeText) return Math.ceil(told.bytes / BYTES_PER_TOKEN);
  const text = textOfPart(part);
  if (text !== null) return text === '' ? 0 : count(text);
  const { type, image_url } = part as { readonly type?: unknown; readonly image_url?: unknown };
  switch (kindOf(type)) {
    case 'picture':
      return detailOf(image_url) === 'low' ? parts.picture_low : parts.picture_high;
    case 'audio':
      return parts.audio;
    default:
      return parts.file;
  }
}

/** Null for a part that is no text. */
export function textOfPart(part: unknown): string | null {
  if (part === null || part === undefined) return '';
  if (typeof part !== 'object') return String(part);
  const { text, refusal } = part as { readonly text?: unknown; readonly refusal?: unknown };
  if (typeof text === 'string') return text;
  return typeof refusal === 'string' ? refusal : null;
}

/** What kind of thing a part is, for words and for its cost. */
export function kindOf(type: unknown): string {
  if (typeof type !== 'string') return 'file';
  if (/image|picture/i.test(type)) return 'picture';
  if (/audio/i.test(type)) return 'audio';
  return /video/i.test(type) ? 'video' : 'file';
}

function detailOf(image: unknown): unknown {
  return typeof image === 'object' && image !== null ? (image as { detail?: unknown }).detail : undefined;
}
