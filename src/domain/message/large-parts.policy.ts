import type { ChatMessage, LargeParts, ModelRequest } from './message.events.js';

/** A text that lies outside of the event. */
export interface LargePart {
  /** Where it stands in the request: a JSON pointer. */
  readonly at: string;
  readonly text: string;
}

/**
 * A request is a part of one record of the log, which must fit into one message of the broker (8 MiB as the service sets
 * it up) with room to spare.
 */
export const MAX_REQUEST_JSON_BYTES = 7 * 1024 * 1024;

/** No content nests deeper than a part, its fields and theirs. */
const MOST_LEVELS = 6;

/**
 * The request without its large texts, and these: contents of messages, and what is in their parts (pictures, audio,
 * files). What a client says as the system stays, since it is joined with what others say.
 *
 * @param leastUnits a text with fewer UTF-16 units stays
 */
export function withoutLargeParts(
  request: ModelRequest,
  leastUnits: number,
): { readonly request: ModelRequest; readonly parts: readonly LargePart[] } {
  const parts: LargePart[] = [];
  const { content, messages } = request;
  const without = {
    ...request,
    ...(content === undefined ? {} : { content: taken(content, '/content', leastUnits, parts) as string }),
    ...(messages === undefined
      ? {}
      : { messages: messages.map((message, at) => takenFrom(message, at, leastUnits, parts)) }),
  };
  return parts.length === 0 ? { request, parts } : { request: without, parts };
}

function takenFrom(message: ChatMessage, at: number, leastUnits: number, parts: LargePart[]): ChatMessage {
  if (!('content' in message) || message.role === 'system' || message.role === 'developer') return message;
  return { ...message, content: taken(message['content'], `/messages/${at}/content`, leastUnits, parts) };
}

function taken(
  value: unknown,
  at: string,
  leastUnits: number,
  parts: LargePart[],
  levels = MOST_LEVELS,
): unknown {
  if (typeof value === 'string') {
    if (value.length < leastUnits) return value;
    parts.push({ at, text: value });
    return '';
  }
  if (typeof value !== 'object' || value === null || levels === 0) return value;
  const under = (name: string | number, item: unknown) =>
    taken(item, `${at}/${escaped(String(name))}`, leastUnits, parts, levels - 1);
  if (Array.isArray(value)) return value.map((item, index) => under(index, item));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, under(name, item)]));
}

/** A request, or what is shown of it, with something at the places of its large parts, whose list is left out. */
export function withLargeParts<T extends object>(
  asked: T,
  { parts }: LargeParts,
  at: (index: number) => unknown,
): Omit<T, 'large'> {
  const { large: _, ...whole } = asked as Record<string, unknown>;
  for (const [index, { at: pointer }] of parts.entries()) {
    put(whole, pointer.slice(1).split('/').map(unescaped), at(index));
  }
  return whole as Omit<T, 'large'>;
}

/** Copies what is on the way: others may read the same request. */
function put(parent: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    parent[name] = value;
    return;
  }
  const child = parent[name];
  const copy = Array.isArray(child) ? [...child] : { ...(child as object) };
  parent[name] = copy;
  put(copy as Record<string, unknown>, rest, value);
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function unescaped(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}
