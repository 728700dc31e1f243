import type { ModelAnswer } from '../model-endpoint.port.js';
import { answerTooLarge } from './call-errors.js';

/** The whole answer becomes one event, which must fit into one message of the broker (8 MiB by default) with room to spare. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** A UTF-16 unit takes at most this many bytes as JSON (`\u0000`). */
const MAX_BYTES_PER_UNIT = 6;

/** These come in pieces that are joined; other strings are said once. */
const PIECEWISE: ReadonlySet<string> = new Set(['content', 'refusal', 'reasoning_content', 'reasoning']);

type Fields = Map<string, unknown>;
type ToolCall = { readonly fields: Fields; readonly function: Fields };

/** Joins the deltas of one streamed answer into OpenAI's assistant message. */
export class AnswerAssembly {
  private readonly fields: Fields = new Map();
  private readonly toolCalls = new Map<unknown, ToolCall>();
  /** UTF-16 units of all text held. */
  private units = 0;

  /** @throws {ModelCallError} `answer_too_large` */
  add(delta: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(delta)) this.addField(name, value);
    if (this.units > MAX_ANSWER_BYTES) throw answerTooLarge(MAX_ANSWER_BYTES);
  }

  /** @throws {ModelCallError} `answer_too_large`, where escapes in JSON make too much of what was short as text */
  answer(): ModelAnswer['answer'] {
    const content = this.fields.get('content');
    const rest = new Map(this.fields);
    rest.delete('content');
    const answer = {
      role: 'assistant',
      content: typeof content === 'string' ? content : null,
      ...Object.fromEntries(rest),
      ...(this.toolCalls.size === 0 ? {} : { tool_calls: [...this.toolCalls.values()].map(toolCall) }),
    };
    if (this.units * MAX_BYTES_PER_UNIT > MAX_ANSWER_BYTES) {
      const bytes = Buffer.byteLength(JSON.stringify(answer));
      if (bytes > MAX_ANSWER_BYTES) throw answerTooLarge(MAX_ANSWER_BYTES);
    }
    return answer;
  }

  private addField(name: string, value: unknown): void {
    if (value === null || value === undefined || name === 'role') return;
    if (name === 'tool_calls') this.addToolCalls(value);
    else if (name === 'content') this.append(this.fields, name, textOf(value));
    else if (PIECEWISE.has(name)) this.append(this.fields, name, value);
    else if (Array.isArray(value))
      this.set(this.fields, name, [...listIn(this.fields, name), ...value], value);
    else this.set(this.fields, name, value);
  }

  private addToolCalls(deltas: unknown): void {
    if (!Array.isArray(deltas)) return;
    for (const delta of deltas) if (typeof delta === 'object' && delta !== null) this.addToolCall(delta);
  }

  private addToolCall(delta: Record<string, unknown>): void {
    const call = this.toolCallOf(delta);
    for (const [name, value] of Object.entries(delta)) {
      if (name === 'index' || name === 'function' || value === null || value === '') continue;
      this.set(call.fields, name, value);
    }
    for (const [name, value] of Object.entries(delta.function ?? {})) {
      if (name === 'arguments') this.append(call.function, name, value);
      else if (value !== null && value !== '') this.set(call.function, name, value);
    }
  }

  /** OpenAI numbers the calls by `index`. Servers that leave it out send an `id` with each new call. */
  private toolCallOf(delta: Record<string, unknown>): ToolCall {
    const key = delta.index ?? delta.id ?? [...this.toolCalls.keys()].at(-1);
    const call = this.toolCalls.get(key) ?? { fields: new Map(), function: new Map() };
    this.toolCalls.set(key, call);
    return call;
  }

  private append(fields: Fields, name: string, piece: unknown): void {
    if (typeof piece !== 'string') return;
    fields.set(name, ((fields.get(name) as string | undefined) ?? '') + piece);
    this.units += piece.length;
  }

  private set(fields: Fields, name: string, value: unknown, added: unknown = value): void {
    fields.set(name, value);
    this.units += name.length + JSON.stringify(added).length;
  }
}

function toolCall({ fields, function: called }: ToolCall): Record<string, unknown> {
  return { type: 'function', ...Object.fromEntries(fields), function: Object.fromEntries(called) };
}

/** Content may come in parts; those that are text are the answer's content. */
function textOf(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join('');
}

function listIn(fields: Fields, name: string): unknown[] {
  const list = fields.get(name);
  return Array.isArray(list) ? list : [];
}
