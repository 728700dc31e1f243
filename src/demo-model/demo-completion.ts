import { randomUUID } from 'node:crypto';
import { demoAnswer, demoTokens, isToolResult, textOf } from './demo-answer.policy.js';
import type { DemoScript, DemoTool } from './demo-directives.policy.js';
import type { DemoRequest, DemoTextRequest } from './demo-request.js';

export interface DemoChoice {
  /** Of a chat `{message}`, of a text `{text}`. */
  readonly said: Record<string, unknown>;
  readonly finishReason: 'stop' | 'length' | 'tool_calls';
}

/** What the demo model will say to one request, in the shapes of the protocol. */
export interface DemoCompletion {
  /** Of a chat OpenAI's deltas; of texts `{index, text}`. */
  readonly deltas: readonly Record<string, unknown>[];
  readonly choices: readonly DemoChoice[];
  readonly usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

export function complete(request: DemoRequest, script: DemoScript): DemoCompletion {
  const prompt = request.messages.reduce((sum, { content }) => sum + demoTokens(textOf(content)).length, 0);
  // Who was told what the tool says has no need to call it again: agents would go round and round.
  const calls = script.tool !== null && !isToolResult(request.messages.at(-1));
  return calls ? toolCall(script.tool, prompt) : answer(request, prompt);
}

function answer(request: DemoRequest, prompt: number): DemoCompletion {
  const most = request.max_completion_tokens ?? request.max_tokens;
  const { tokens, finishReason } = cut(demoTokens(demoAnswer(request.messages)), most);
  const message = { role: 'assistant', content: tokens.join(''), refusal: null };
  return {
    deltas: tokens.map((content, index) => (index === 0 ? { role: 'assistant', content } : { content })),
    choices: [{ said: { message }, finishReason }],
    usage: usage(prompt, tokens.length),
  };
}

/** One text for each prompt. */
export function completeTexts({ prompt, max_tokens: most }: DemoTextRequest): DemoCompletion {
  const prompts = typeof prompt === 'string' ? [prompt] : prompt;
  const texts = prompts.map((content) => cut(demoTokens(demoAnswer([{ role: 'user', content }])), most));
  const read = prompts.reduce((sum, text) => sum + demoTokens(text).length, 0);
  const written = texts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return {
    deltas: texts.flatMap(({ tokens }, index) => tokens.map((text) => ({ index, text }))),
    choices: texts.map(({ tokens, finishReason }) => ({ said: { text: tokens.join('') }, finishReason })),
    usage: usage(read, written),
  };
}

function cut(all: readonly string[], most: number | null | undefined) {
  const tokens = all.slice(0, most ?? all.length);
  return { tokens, finishReason: tokens.length < all.length ? ('length' as const) : ('stop' as const) };
}

/** The arguments come in two pieces, as they do from real models. Clients tell calls by their ids. */
function toolCall({ name, args }: DemoTool, prompt: number): DemoCompletion {
  const json = JSON.stringify(args);
  const pieces = [json.slice(0, 8), json.slice(8)];
  const first = { index: 0, id: `call_${randomUUID()}`, type: 'function', function: { name, arguments: '' } };
  const called = { id: first.id, type: first.type, function: { name, arguments: pieces.join('') } };
  return {
    deltas: [
      { role: 'assistant', content: null, tool_calls: [first] },
      ...pieces.map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] })),
    ],
    choices: [
      {
        said: { message: { role: 'assistant', content: null, tool_calls: [called] } },
        finishReason: 'tool_calls',
      },
    ],
    usage: usage(prompt, pieces.length),
  };
}

function usage(prompt: number, completion: number): DemoCompletion['usage'] {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
