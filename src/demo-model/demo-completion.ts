import { demoAnswer, demoTokens, textOf } from './demo-answer.policy.js';
import type { DemoScript } from './demo-directives.policy.js';
import type { DemoRequest } from './demo-request.js';

/** What the demo model will say to one request, in the shapes of the protocol. */
export interface DemoCompletion {
  readonly deltas: readonly Record<string, unknown>[];
  readonly message: Record<string, unknown>;
  readonly finishReason: 'stop' | 'length' | 'tool_calls';
  readonly usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

export function complete(request: DemoRequest, script: DemoScript): DemoCompletion {
  const prompt = request.messages.reduce((sum, { content }) => sum + demoTokens(textOf(content)).length, 0);
  return script.tool === null ? answer(request, prompt) : toolCall(script.tool, prompt);
}

function answer(request: DemoRequest, prompt: number): DemoCompletion {
  const all = demoTokens(demoAnswer(request.messages));
  const most = request.max_completion_tokens ?? request.max_tokens ?? all.length;
  const tokens = all.slice(0, most);
  return {
    deltas: tokens.map((content, index) => (index === 0 ? { role: 'assistant', content } : { content })),
    message: { role: 'assistant', content: tokens.join(''), refusal: null },
    finishReason: tokens.length < all.length ? 'length' : 'stop',
    usage: usage(prompt, tokens.length),
  };
}

/** The arguments come in two pieces, as they do from real models. */
function toolCall(name: string, prompt: number): DemoCompletion {
  const pieces = ['{"demo":', 'true}'];
  const first = { index: 0, id: 'call_demo_1', type: 'function', function: { name, arguments: '' } };
  const called = { id: first.id, type: first.type, function: { name, arguments: pieces.join('') } };
  return {
    deltas: [
      { role: 'assistant', content: null, tool_calls: [first] },
      ...pieces.map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] })),
    ],
    message: { role: 'assistant', content: null, tool_calls: [called] },
    finishReason: 'tool_calls',
    usage: usage(prompt, pieces.length),
  };
}

function usage(prompt: number, completion: number): DemoCompletion['usage'] {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
