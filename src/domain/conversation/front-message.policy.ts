import type { ChatMessage } from '../message/message.events.js';
import type { Block } from './chat-blocks.policy.js';
import { textOfPart } from './message-tokens.policy.js';

export interface ConversationHead {
  readonly systemPrompt: string | null;
  /** Stands for all turns up to a place. */
  readonly summary: { readonly upToSequence: number; readonly text: string } | null;
}

/**
 * The one system message at the front: chat templates of some models refuse a second one, and others one that is
 * elsewhere. What several turns say alike is said once, so that clients that send it with each turn change nothing.
 */
export function frontOf(
  { systemPrompt, summary }: ConversationHead,
  blocks: readonly Block[],
): { readonly messages: readonly ChatMessage[]; readonly moved: number } {
  const found = blocks.flatMap(({ system }) => system);
  const told = new Map(found.map((message) => [textOf(message), message]));
  const [only] = told.values();
  if (only !== undefined && told.size === 1 && systemPrompt === null && summary === null) {
    const moved = blocks[0]!.system.length > 0 ? found.length - 1 : found.length;
    return { messages: [only], moved };
  }
  const sum = summary === null ? null : `Summary of the conversation so far:\n${summary.text}`;
  const parts = [systemPrompt, ...told.keys(), sum].filter((part) => part !== null);
  const messages = parts.length === 0 ? [] : [{ role: 'system', content: parts.join('\n\n') }];
  return { messages, moved: found.length };
}

function textOf({ content }: ChatMessage): string {
  const parts = Array.isArray(content) ? content : [content];
  return parts.map((part: unknown) => textOfPart(part) ?? '').join('\n');
}
