import type { Estimate } from '../../domain/message/accounting.policy.js';
import type { MessageEventData, ModelRequest } from '../../domain/message/message.events.js';

type Answer = MessageEventData['llmq.message.completed.v1']['answer'];

/** What OpenAI's chat format adds to each message, and to the whole. */
const TOKENS_OF_MESSAGE = 3;
const TOKENS_OF_CHAT = 3;

interface Counted {
  tokens: number;
  readonly leftOut: Set<string>;
}

/**
 * What a call used, for an endpoint that does not tell: its texts, counted. What is no text (images, audio, files) has
 * no size that one could count in tokens, and is named.
 *
 * @param answers every one, where several were asked for
 * @param count the tokens of a text
 */
export function estimatedUsage(
  request: ModelRequest,
  answers: readonly Answer[],
  count: (text: string) => number,
): Estimate {
  const input: Counted = { tokens: 0, leftOut: new Set() };
  const output: Counted = { tokens: 0, leftOut: new Set() };
  const add = (to: Counted, value: unknown) => {
    if (value === undefined || value === null || value === '') return;
    to.tokens += count(typeof value === 'string' ? value : textOf(value));
  };
  for (const { content, role: _role, ...rest } of messagesOf(request)) {
    input.tokens += TOKENS_OF_MESSAGE;
    for (const part of partsOf(content, input)) add(input, part);
    for (const value of Object.values(rest)) add(input, value);
  }
  if (input.tokens > 0) input.tokens += TOKENS_OF_CHAT;
  for (const name of ['tools', 'functions', 'response_format', 'prompt', 'input', 'suffix']) {
    add(input, request.parameters[name]);
  }
  for (const answer of answers) {
    for (const part of partsOf(answer.content, output)) add(output, part);
    for (const name of ['reasoning_content', 'reasoning', 'refusal', 'tool_calls', 'function_call']) {
      add(output, answer[name]);
    }
    if (answer['audio'] != null) output.leftOut.add('audio');
  }
  return {
    inputTokens: input.tokens,
    outputTokens: output.tokens,
    leftOut: [...new Set([...input.leftOut, ...output.leftOut])].sort(),
  };
}

function messagesOf({ content, messages }: ModelRequest): readonly Record<string, unknown>[] {
  return messages ?? (content === undefined ? [] : [{ role: 'user', content }]);
}

/** The texts of a content, which is one, or a list of parts. */
function partsOf(content: unknown, counted: Counted): readonly unknown[] {
  if (!Array.isArray(content)) return [content];
  return content.map((part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    const { type, text, refusal } = part as Record<string, unknown>;
    if (typeof text === 'string') return text;
    if (typeof refusal === 'string') return refusal;
    counted.leftOut.add(KINDS[String(type)] ?? 'other');
    return '';
  });
}

const KINDS: Readonly<Record<string, string>> = {
  image_url: 'image',
  input_image: 'image',
  image: 'image',
  input_audio: 'audio',
  file: 'file',
  input_file: 'file',
  video_url: 'video',
};

/** An estimate must not fail for a value that is nested as deep as the stack allows. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}
