import { withLargeParts } from './large-parts.policy.js';
import type { ChatMessage, LargeParts, ModelRequest } from './message.events.js';

/** Stands in a message for a text that is fetched only if the message is sent. */
export class LargeText {
  constructor(
    readonly messageId: string,
    readonly large: LargeParts,
    readonly index: number,
  ) {}

  get bytes(): number {
    return this.large.parts[this.index]!.bytes;
  }

  /** In JSON it is as short as in the log. */
  toJSON(): string {
    return '';
  }
}

/** What a message asked, with a stand-in for each of its large parts; always as messages, which may hold one. */
export function standIns(
  messageId: string,
  request: ModelRequest,
): Pick<ModelRequest, 'content' | 'messages'> {
  const { content, messages, large } = request;
  if (large === undefined) return request;
  const asked = messages === undefined ? [{ role: 'user', content }] : messages;
  const at =
    messages === undefined
      ? large.parts.map((part) => ({ ...part, at: '/messages/0/content' }))
      : large.parts;
  const placed = { ...large, parts: at };
  return withLargeParts({ messages: asked }, placed, (index) => new LargeText(messageId, large, index));
}

export function largeTextsIn(value: unknown): LargeText[] {
  if (value instanceof LargeText) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(largeTextsIn);
}

/** @param textOf null for one that is lost: then its part is told as lost, since nothing else of it can be sent */
export function filled(
  messages: readonly ChatMessage[],
  textOf: (stand: LargeText) => string | null,
): ChatMessage[] {
  return messages.map((message) => {
    const { content } = message;
    if (content instanceof LargeText) return { ...message, content: textOf(content) ?? LOST };
    return Array.isArray(content)
      ? { ...message, content: content.map((part) => filledPart(part, textOf)) }
      : message;
  });
}

/** What a model is told in place of a part that is not there any more. */
export const LOST = '[no longer stored]';

function filledPart(part: unknown, textOf: (stand: LargeText) => string | null): unknown {
  const texts = new Map(largeTextsIn(part).map((stand) => [stand, textOf(stand)]));
  if (texts.size === 0) return part;
  return [...texts.values()].includes(null) ? { type: 'text', text: LOST } : withTexts(part, texts);
}

function withTexts(value: unknown, texts: ReadonlyMap<LargeText, string | null>): unknown {
  if (value instanceof LargeText) return texts.get(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withTexts(item, texts));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withTexts(item, texts)]));
}
