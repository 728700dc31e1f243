import type { ChatMessage } from '../../domain/message/message.events.js';

/** What is wrong with a part of a request, by its path as clients write it: `input[3].content`. */
export interface Problem {
  readonly field: string;
  readonly reason: string;
}

type Item = Readonly<Record<string, unknown>>;
type Spoken = ChatMessage & { tool_calls?: unknown[] };

const ROLES: ReadonlySet<unknown> = new Set(['user', 'system', 'developer', 'assistant']);

/**
 * Items of OpenAI's Responses as the messages of a chat.
 *
 * What a model said in one go is one message in a chat: its reasoning, its text and its calls are put together, as far as
 * they follow each other. Reasoning that nothing follows is left out: no server takes it alone. `developer` is said as
 * `system`, the name that all servers know.
 *
 * @param field where the items stand, for what is told of problems
 */
export function chatOfItems(input: unknown, field: string, problems: Problem[]): ChatMessage[] {
  if (typeof input === 'string') {
    if (input === '') problems.push({ field, reason: 'must not be empty' });
    return [{ role: 'user', content: input }];
  }
  if (!Array.isArray(input)) {
    problems.push({ field, reason: 'must be a text or a list of items' });
    return [];
  }
  if (input.length === 0) problems.push({ field, reason: 'must not be empty' });
  const chat = new Chat(problems);
  for (const [index, item] of input.entries()) {
    const at = `${field}[${index}]`;
    if (isObject(item)) chat.add(item, at);
    else problems.push({ field: at, reason: 'must be an object' });
  }
  return chat.messages;
}

/** It only names an item that is stored. */
export function isReference(item: unknown): item is { readonly id: string } {
  if (!isObject(item) || typeof item['id'] !== 'string') return false;
  const { type } = item;
  return type === 'item_reference' || (type == null && !('role' in item));
}

class Chat {
  readonly messages: ChatMessage[] = [];
  /** What the model says, while nobody else has spoken. */
  private speaking: Spoken | null = null;
  private reasoning: string | null = null;

  constructor(private readonly problems: Problem[]) {}

  add(item: Item, at: string): void {
    const { type = 'role' in item ? 'message' : undefined } = item;
    switch (type) {
      case 'message':
        return void this.addMessage(item, at);
      case 'reasoning':
        return void this.addReasoning(item);
      case 'function_call':
        return void this.addCall(item, at);
      case 'function_call_output':
        return void this.addResult(item, at);
      default:
        this.wrong(
          `${at}.type`,
          typeof type === 'string'
            ? `is ${type.slice(0, 40)}, and only message, function_call, function_call_output, reasoning and item_reference are taken: there are no hosted tools here`
            : 'is missing',
        );
    }
  }

  private addMessage({ role, content }: Item, at: string): void {
    if (!ROLES.has(role))
      return void this.wrong(`${at}.role`, 'must be one of user, system, developer, assistant');
    if (role === 'assistant') return void this.addSaid(content, at);
    this.end();
    const told = role === 'developer' ? 'system' : (role as string);
    this.messages.push({ role: told, content: this.contentOf(content, `${at}.content`) });
  }

  private addSaid(content: unknown, at: string): void {
    const parts = typeof content === 'string' ? [{ type: 'output_text', text: content }] : content;
    if (!Array.isArray(parts)) return void this.wrong(`${at}.content`, 'must be a text or a list of parts');
    let text = '';
    let refusal = '';
    for (const [index, part] of parts.entries()) {
      if (isText(part)) text += part.text;
      else if (isObject(part) && part['type'] === 'refusal') refusal += String(part['refusal'] ?? '');
      else this.wrong(`${at}.content[${index}]`, 'must be of type output_text or refusal');
    }
    const open = this.speaking;
    if (open === null || open['content'] !== null || 'refusal' in open || 'tool_calls' in open)
      this.end(false);
    const spoken = this.speak();
    spoken['content'] = refusal !== '' && text === '' ? null : text;
    if (refusal !== '') spoken['refusal'] = refusal;
  }

  private addReasoning({ content, summary }: Item): void {
    this.end(this.speaking !== null);
    const texts = (parts: unknown) =>
      Array.isArray(parts) ? parts.map((part) => (isText(part) ? part.text : '')).join('\n\n') : '';
    const text = texts(content) || texts(summary);
    if (text !== '') this.reasoning = this.reasoning === null ? text : `${this.reasoning}\n\n${text}`;
  }

  private addCall({ call_id: id, name, arguments: said }: Item, at: string): void {
    if (typeof id !== 'string' || id === '') return void this.wrong(`${at}.call_id`, 'must be a text');
    if (typeof name !== 'string' || name === '') return void this.wrong(`${at}.name`, 'must be a text');
    if (typeof said !== 'string') return void this.wrong(`${at}.arguments`, 'must be a text of JSON');
    const spoken = this.speak();
    spoken.tool_calls ??= [];
    spoken.tool_calls.push({ id, type: 'function', function: { name, arguments: said } });
  }

  private addResult({ call_id: id, output }: Item, at: string): void {
    if (typeof id !== 'string' || id === '') return void this.wrong(`${at}.call_id`, 'must be a text');
    this.end();
    this.messages.push({
      ...{ role: 'tool', tool_call_id: id },
      content: this.contentOf(output, `${at}.output`),
    });
  }

  /** One text is sent as a text: templates of many models know nothing else. */
  private contentOf(content: unknown, at: string): unknown {
    if (typeof content === 'string') return content;
    if (!Array.isArray(content)) {
      this.wrong(at, 'must be a text or a list of parts');
      return '';
    }
    const parts = content.map((part: unknown, index) => this.partOf(part, `${at}[${index}]`));
    const [only] = parts;
    return parts.length === 1 && isText(only) ? only.text : parts;
  }

  private partOf(part: unknown, at: string): unknown {
    if (isText(part)) return { type: 'text', text: part.text };
    const fields = isObject(part) ? part : {};
    switch (fields['type']) {
      case 'input_image': {
        const { image_url: url, detail } = fields;
        if (typeof url !== 'string') return void this.wrong(`${at}.image_url`, NO_FILES);
        return { type: 'image_url', image_url: { url, ...(typeof detail === 'string' ? { detail } : {}) } };
      }
      case 'input_file': {
        const { file_data, filename } = fields;
        if (typeof file_data !== 'string') return void this.wrong(`${at}.file_data`, NO_FILES);
        return {
          type: 'file',
          file: { ...(typeof filename === 'string' ? { filename } : {}), file_data },
        };
      }
      case 'input_audio':
        return { type: 'input_audio', input_audio: fields['input_audio'] };
      default:
        return this.wrong(
          `${at}.type`,
          'must be one of input_text, output_text, input_image, input_file, input_audio',
        );
    }
  }

  private speak(): Spoken {
    if (this.speaking !== null) return this.speaking;
    const spoken: Spoken = { role: 'assistant', content: null };
    if (this.reasoning !== null) spoken['reasoning_content'] = this.reasoning;
    this.reasoning = null;
    this.speaking = spoken;
    this.messages.push(spoken);
    return spoken;
  }

  private end(forgetsReasoning = true): void {
    this.speaking = null;
    if (forgetsReasoning) this.reasoning = null;
  }

  private wrong(field: string, reason: string): void {
    this.problems.push({ field, reason });
  }
}

const NO_FILES = 'must be there: files are not looked up by their id or address, so send what is in them';

function isObject(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TEXTS: ReadonlySet<unknown> = new Set([
  ...['input_text', 'output_text', 'text', 'reasoning_text', 'summary_text'],
]);

function isText(part: unknown): part is { readonly text: string } {
  return isObject(part) && TEXTS.has(part['type']) && typeof part['text'] === 'string';
}
