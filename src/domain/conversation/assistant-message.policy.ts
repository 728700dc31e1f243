import type { ChatMessage } from '../message/message.events.js';
import type { PastTurn } from './past-turn.state.js';

/** Where reasoning is, by the names that servers have for it. */
const REASONING = ['reasoning_content', 'reasoning', 'reasoning_details'] as const;

/** A call that a model made, as far as its result must name it. */
export interface ToolCall {
  readonly id: string;
}

/** The calls of an assistant's message that results belong to. */
export function callsOf({ role, tool_calls }: ChatMessage): readonly ToolCall[] {
  if (role !== 'assistant' || !Array.isArray(tool_calls)) return [];
  return tool_calls.filter((call): call is ToolCall => typeof call?.id === 'string');
}

export function hasReasoning(message: Record<string, unknown>): boolean {
  return REASONING.some((name) => message[name] != null);
}

/**
 * An assistant's message as servers take it: with a content wherever it makes no call, no empty list of calls, and
 * reasoning only for a model that wants it back.
 */
export function takenMessage(message: ChatMessage, keepsReasoning: boolean): ChatMessage {
  const taken: Record<string, unknown> & { role: string } = { ...message };
  if (!keepsReasoning) for (const name of REASONING) delete taken[name];
  if (Array.isArray(taken['tool_calls']) && taken['tool_calls'].length === 0) delete taken['tool_calls'];
  if (taken['tool_calls'] == null) delete taken['tool_calls'];
  if (taken['function_call'] == null) delete taken['function_call'];
  const calls = 'tool_calls' in taken || 'function_call' in taken;
  taken['content'] ??= calls ? null : saidOtherwise(message);
  return taken;
}

/**
 * An answer as a part of the history. Of what a server said beside its text and its calls (annotations, images, audio),
 * others refuse the names, so nothing of it goes back. Null for an answer that says nothing: servers refuse it, too.
 */
export function answerTaken(
  { content, tool_calls, function_call, ...said }: NonNullable<PastTurn['answer']>,
  keepsReasoning: boolean,
): ChatMessage | null {
  const reasoning = REASONING.flatMap((name) => (said[name] == null ? [] : [[name, said[name]]]));
  const message = takenMessage(
    {
      ...{ role: 'assistant', content: content ?? (saidOtherwise(said) || null) },
      ...{ tool_calls, function_call, ...Object.fromEntries(reasoning) },
    },
    keepsReasoning,
  );
  const calls = 'tool_calls' in message || 'function_call' in message;
  return calls || !isBlank(message['content']) ? message : null;
}

/** A refusal, or what was said aloud. */
function saidOtherwise({ refusal, audio }: Record<string, unknown>): string {
  if (typeof refusal === 'string') return refusal;
  const transcript = (audio as { readonly transcript?: unknown } | null | undefined)?.transcript;
  return typeof transcript === 'string' ? transcript : '';
}

function isBlank(content: unknown): boolean {
  return typeof content === 'string' ? content.trim() === '' : content == null;
}
