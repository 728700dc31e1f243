import type { ChatMessage, ModelRequest } from '../message/message.events.js';
import { hasReasoning, takenMessage } from './assistant-message.policy.js';
import type { Takes } from './chat-blocks.policy.js';
import { askedOf } from './past-turn.state.js';

/**
 * What a deployment is asked where no history comes before it. The instructions become the system message at the front:
 * one with what the client itself says as the first one, since chat templates of some models refuse a second.
 *
 * Clients of the Responses API send earlier answers back with their reasoning, which only some servers take. In all
 * other chats the messages are the client's own business.
 *
 * @param takes asked only where it matters
 */
export function askedAlone(request: ModelRequest, takes: () => Takes): ModelRequest {
  const { instructions, response, ...rest } = request;
  if (instructions === undefined && response === undefined) return request;
  const asked = askedOf(request);
  const spoken =
    response === undefined || !asked.some(hasReasoning) ? asked : withReasoningIf(asked, takes());
  const { content: _, ...others } = rest;
  return { ...others, messages: instructions === undefined ? [...spoken] : inFront(instructions, spoken) };
}

function withReasoningIf(messages: readonly ChatMessage[], { reasoning }: Takes): readonly ChatMessage[] {
  return messages.map((message) =>
    message.role === 'assistant' ? takenMessage(message, reasoning) : message,
  );
}

function inFront(instructions: string, messages: readonly ChatMessage[]): ChatMessage[] {
  const [first, ...behind] = messages;
  const content = first?.role === 'system' ? first['content'] : null;
  return typeof content === 'string'
    ? [{ role: 'system', content: `${instructions}\n\n${content}` }, ...behind]
    : [{ role: 'system', content: instructions }, ...messages];
}
