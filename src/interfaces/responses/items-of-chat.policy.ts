import type { ChatMessage } from '../../domain/message/message.events.js';
import { ItemIds, type ItemPlace, type ItemType } from './response-ids.policy.js';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';
/** In OpenAI's words, with what they all have. */
export type OutputItem = { id: string; type: ItemType } & Record<string, unknown>;

/** What was asked, as items: `chatOfItems` makes the same chat of them again. */
export function askedItems(messageId: string, messages: readonly ChatMessage[]): OutputItem[] {
  const items = new Items(messageId, 'asked');
  for (const message of messages) items.add(message);
  return items.all;
}

/**
 * The answer as items: its reasoning, its text or refusal, its calls.
 *
 * @param status of the last of them, which an answer that was cut ends with
 * @param logprobs of its text
 */
export function answeredItems(
  messageId: string,
  answer: Readonly<Record<string, unknown>>,
  status: ItemStatus = 'completed',
  logprobs: readonly unknown[] = [],
): OutputItem[] {
  const items = new Items(messageId, 'answered', logprobs);
  items.add({ ...answer, role: 'assistant' });
  const last = items.all.at(-1);
  if (last !== undefined && last.type !== 'reasoning') last['status'] = status;
  return items.all;
}

class Items {
  readonly all: OutputItem[] = [];
  private readonly ids: ItemIds;

  constructor(
    private readonly messageId: string,
    part: ItemPlace['part'],
    private readonly logprobs: readonly unknown[] = [],
  ) {
    this.ids = new ItemIds(messageId, part);
  }

  add(message: ChatMessage): void {
    const { role, content } = message;
    if (role === 'assistant') return void this.addSaid(message);
    if (role === 'tool') {
      const output = typeof content === 'string' ? content : partsOf(content);
      return void this.push('function_call_output', {
        call_id: message['tool_call_id'],
        output,
        ...COMPLETED,
      });
    }
    this.push('message', { role, content: partsOf(content), ...COMPLETED });
  }

  private addSaid(message: ChatMessage): void {
    const { content, refusal, tool_calls: calls } = message;
    const reasoning = reasoningIn(message);
    if (reasoning !== null) this.push('reasoning', reasoningBody(reasoning));
    const texts = [
      ...saidParts(content, this.logprobs),
      ...(typeof refusal === 'string' && refusal !== '' ? [refusalPart(refusal)] : []),
    ];
    if (texts.length > 0) this.push('message', { role: 'assistant', content: texts, ...COMPLETED });
    for (const [index, call] of (Array.isArray(calls) ? calls : []).entries()) {
      const { id, function: called }: CallLike = isObject(call) ? call : {};
      this.push('function_call', {
        ...{ call_id: id ?? callIdFor(this.messageId, index), name: called?.name ?? '' },
        ...{ arguments: called?.arguments ?? '', ...COMPLETED },
      });
    }
  }

  private push(type: ItemType, body: Record<string, unknown>): void {
    this.all.push({ id: this.ids.next(type), type, ...body });
  }
}

const COMPLETED = { status: 'completed' as const };

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface CallLike {
  readonly id?: string | null;
  readonly function?: { readonly name?: string; readonly arguments?: string };
}

/** Servers have two names for the same, and some tell both. */
export function reasoningIn({ reasoning_content, reasoning }: Record<string, unknown>): string | null {
  for (const text of [reasoning_content, reasoning]) if (typeof text === 'string' && text !== '') return text;
  return null;
}

/** Of a call that its server gave none. */
export function callIdFor(messageId: string, index: number): string {
  return `call_${messageId}_${index}`;
}

export function textPart(text: string, logprobs: readonly unknown[] = []): Record<string, unknown> {
  return { type: 'output_text', text, annotations: [], logprobs };
}

export function refusalPart(refusal: string): Record<string, unknown> {
  return { type: 'refusal', refusal };
}

export function reasoningBody(text: string): Record<string, unknown> {
  return { summary: [], content: [{ type: 'reasoning_text', text }] };
}

/** Chats may have what a model said in parts, too. */
function saidParts(content: unknown, logprobs: readonly unknown[]): Record<string, unknown>[] {
  if (typeof content === 'string') return content === '' ? [] : [textPart(content, logprobs)];
  return (Array.isArray(content) ? content : []).flatMap((part: unknown) => {
    const { text, refusal } = isObject(part) ? part : {};
    if (typeof text === 'string' && text !== '') return [textPart(text)];
    return typeof refusal === 'string' && refusal !== '' ? [refusalPart(refusal)] : [];
  });
}

/** What is in a chat's messages is the model's business, so that anything may be there. */
function partsOf(content: unknown): unknown[] {
  const parts: readonly unknown[] = Array.isArray(content) ? content : [content];
  return parts.map((part) => {
    if (!isObject(part)) return { type: 'input_text', text: part ?? '' };
    switch (part['type']) {
      case 'text':
        return { type: 'input_text', text: part['text'] };
      case 'image_url': {
        const image = part['image_url'];
        const { url, detail = 'auto' }: Fields = isObject(image) ? image : { url: image };
        return { type: 'input_image', image_url: url, detail };
      }
      case 'file':
        return { type: 'input_file', ...(isObject(part['file']) ? part['file'] : {}) };
      default:
        return part;
    }
  });
}
