type Fields = Record<string, unknown>;

/** A chat as it would be asked by chat completions, and what of it only Responses have words for. */
export interface Asked {
  readonly body: Readonly<Fields>;
  /** How reasoning is to be told. */
  readonly summary?: unknown;
  /** Text that the answer is to go on behind. */
  readonly prefill?: string | undefined;
  /** The server takes reasoning back only encrypted, and refuses plain text. */
  readonly withoutReasoning?: boolean;
}

export interface AskedByResponses {
  readonly body: Fields;
  /** What Responses have no words for, by its path in the chat: such a call is not made. */
  readonly problems: readonly string[];
}

/**
 * A chat in the words of `POST /responses`. It goes out whole and is not to be stored: conversations are the service's own.
 *
 * What Responses have no words for is told by its name, as long as it says anything. Fields that chat completions don't
 * know either are handed on as they are, since servers have many of their own.
 */
export function responsesAsked(asked: Asked): AskedByResponses {
  const { body: chat, summary, prefill = '', withoutReasoning = false } = asked;
  const problems: string[] = prefill === '' ? [] : ['prefill'];
  const body: Fields = {};
  const { messages, ...parameters } = chat;
  for (const name in parameters) {
    const value = parameters[name];
    if (value === null || value === undefined || TOLD_OTHERWISE.has(name)) continue;
    if (!Object.hasOwn(WITHOUT_WORDS, name)) body[name] = value;
    else if (!WITHOUT_WORDS[name]!(value)) problems.push(name);
  }
  Object.assign(body, limitOf(chat), reasoningOf(chat, summary), textOf(chat, problems));
  if (chat['logprobs'] === true) body['include'] = ['message.output_text.logprobs'];
  if (Array.isArray(chat['tools']))
    body['tools'] = chat['tools'].map((tool, at) => toolOf(tool, at, problems));
  if (chat['tool_choice'] != null) body['tool_choice'] = choiceOf(chat['tool_choice'], problems);
  body['input'] = new Items(problems, withoutReasoning).of(messages as readonly Fields[]);
  body['store'] = false;
  return { body, problems };
}

/** The same numbers, as JSON pointers into the body that is sent. */
export function exactInResponses(exact: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(exact).map(([pointer, digits]) => [
      pointer
        .replace(/^(\/tools\/\d+)\/(?:function|custom)\//, '$1/')
        .replace(/^\/response_format\/json_schema\//, '/text/format/'),
      digits,
    ]),
  );
}

const TOLD_OTHERWISE: ReadonlySet<string> = new Set([
  ...['max_tokens', 'max_completion_tokens', 'reasoning_effort', 'verbosity', 'response_format'],
  ...['logprobs', 'tools', 'tool_choice', 'store'],
]);

const isZero = (value: unknown) => value === 0;
const isEmpty = (value: unknown) => typeof value === 'object' && Object.keys(value as object).length === 0;
const never = () => false;

/** What only chat completions have, each with how it says nothing. */
const WITHOUT_WORDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  n: (value) => value === 1,
  modalities: (value) => Array.isArray(value) && value.every((modality) => modality === 'text'),
  presence_penalty: isZero,
  frequency_penalty: isZero,
  stop: isEmpty,
  logit_bias: isEmpty,
  functions: isEmpty,
  seed: never,
  prediction: never,
  audio: never,
  function_call: never,
  web_search_options: never,
};

/** OpenAI takes no lower limit of a response. */
const LEAST_LIMIT = 16;

function limitOf({ max_completion_tokens, max_tokens }: Fields): Fields {
  const limit = max_completion_tokens ?? max_tokens;
  if (limit == null) return {};
  const isTooLow = typeof limit === 'number' && limit > 0 && limit < LEAST_LIMIT;
  return { max_output_tokens: isTooLow ? LEAST_LIMIT : limit };
}

function reasoningOf({ reasoning, reasoning_effort: effort }: Fields, summary: unknown): Fields {
  if (effort == null && summary == null) return {};
  return {
    reasoning: {
      ...(isObject(reasoning) ? reasoning : {}),
      ...(effort == null ? {} : { effort }),
      ...(summary == null ? {} : { summary }),
    },
  };
}

function textOf({ verbosity, response_format: format }: Fields, problems: string[]): Fields {
  if (verbosity == null && format == null) return {};
  return {
    text: {
      ...(verbosity == null ? {} : { verbosity }),
      ...(format == null ? {} : { format: formatOf(format, problems) }),
    },
  };
}

function formatOf(format: unknown, problems: string[]): unknown {
  const { type, json_schema: schema } = isObject(format) ? format : {};
  if (type === 'text' || type === 'json_object') return { type };
  if (type === 'json_schema' && isObject(schema)) return { type, ...schema };
  problems.push('response_format.type');
  return format;
}

function toolOf(tool: unknown, at: number, problems: string[]): unknown {
  const { type, function: called, custom } = isObject(tool) ? tool : {};
  if (type === 'function' && isObject(called)) return functionOf(called);
  if (type === 'custom' && isObject(custom)) return { type, ...custom, ...inputFormatOf(custom) };
  problems.push(`tools[${at}].type`);
  return tool;
}

/** Of a function without parameters chats say none. Where `strict` is not said, Responses hold arguments to their schema, and chats don't. */
function functionOf({ parameters, strict, ...called }: Fields): Fields {
  return {
    ...{ type: 'function', ...called },
    ...{ parameters: parameters ?? { type: 'object', properties: {} }, strict: strict ?? false },
  };
}

function inputFormatOf({ format }: Fields): Fields {
  if (!isObject(format) || !isObject(format['grammar'])) return {};
  return { format: { type: format['type'], ...format['grammar'] } };
}

function choiceOf(choice: unknown, problems: string[]): unknown {
  if (typeof choice === 'string') return choice;
  const named = namedTool(choice);
  if (named !== null) return named;
  const { type, allowed_tools: allowed } = isObject(choice) ? choice : {};
  if (type === 'allowed_tools' && isObject(allowed) && Array.isArray(allowed['tools'])) {
    const { mode, tools } = allowed;
    return { type, mode, tools: (tools as unknown[]).map((tool) => namedTool(tool) ?? tool) };
  }
  problems.push('tool_choice');
  return choice;
}

function namedTool(tool: unknown): Fields | null {
  const { type, function: called, custom } = isObject(tool) ? tool : {};
  if (type === 'function' && isObject(called)) return { type, name: called['name'] };
  return type === 'custom' && isObject(custom) ? { type, name: custom['name'] } : null;
}

/** The messages of a chat as items. */
class Items {
  private readonly items: Fields[] = [];
  private readonly customCalls = new Set<unknown>();

  constructor(
    private readonly problems: string[],
    private readonly withoutReasoning: boolean,
  ) {}

  of(messages: readonly Fields[]): Fields[] {
    for (const [index, message] of messages.entries()) this.add(message, `messages[${index}]`);
    return this.items;
  }

  private add(message: Fields, at: string): void {
    const { role, content, ...others } = message;
    if (role === 'assistant') this.addSaid(message, at);
    else if (role === 'tool') this.addResult(message, at);
    else if (role !== 'user' && role !== 'system' && role !== 'developer') this.wrong(`${at}.role`);
    else if (others['name'] != null) this.wrong(`${at}.name`);
    else this.items.push({ ...others, role, content: this.contentOf(content, `${at}.content`) });
  }

  /** Of what a server said beside text, reasoning and calls, no other takes anything back. */
  private addSaid(message: Fields, at: string): void {
    const { content, refusal, tool_calls: calls, name, audio, function_call } = message;
    for (const [field, value] of Object.entries({ name, audio, function_call }))
      if (value != null) this.wrong(`${at}.${field}`);
    if (!this.withoutReasoning) this.addReasoning(message);
    const said = saidIn(content, refusal);
    if (said !== null) this.items.push(said);
    if (Array.isArray(calls))
      for (const [index, call] of calls.entries()) this.addCall(call, `${at}.tool_calls[${index}]`);
  }

  /** vLLM wants an id, whatever it is. */
  private addReasoning({ reasoning_content, reasoning }: Fields): void {
    const text = [reasoning_content, reasoning].find(isText);
    if (text === undefined) return;
    const content = [{ type: 'reasoning_text', text }];
    this.items.push({ type: 'reasoning', id: `rs_${this.items.length}`, summary: [], content });
  }

  private addCall(call: unknown, at: string): void {
    const { id, type, function: called, custom } = isObject(call) ? call : {};
    if (isObject(called)) {
      const { name, arguments: said } = called;
      this.items.push({ type: 'function_call', call_id: id, name, arguments: said });
    } else if (type === 'custom' && isObject(custom)) {
      this.customCalls.add(id);
      const { name, input } = custom;
      this.items.push({ type: 'custom_tool_call', call_id: id, name, input });
    } else this.wrong(`${at}.type`);
  }

  private addResult({ tool_call_id: id, content }: Fields, at: string): void {
    const type = this.customCalls.has(id) ? 'custom_tool_call_output' : 'function_call_output';
    this.items.push({ type, call_id: id, output: this.contentOf(content, `${at}.content`) });
  }

  private contentOf(content: unknown, at: string): unknown {
    if (!Array.isArray(content)) return content ?? '';
    return content.map((part: unknown, index) => this.partOf(part, `${at}[${index}]`));
  }

  private partOf(part: unknown, at: string): unknown {
    const { type, text, image_url: image, file, ...others } = isObject(part) ? part : {};
    if (type === 'text') return { ...others, type: 'input_text', text };
    if (type === 'input_audio') return part;
    if (type === 'file' && isObject(file)) return { ...others, type: 'input_file', ...file };
    if (type === 'image_url') {
      const { url, detail } = isObject(image) ? image : { url: image };
      return { ...others, type: 'input_image', image_url: url, detail: detail ?? 'auto' };
    }
    this.wrong(`${at}.type`);
    return part;
  }

  private wrong(field: string): void {
    this.problems.push(field);
  }
}

/** Texts are said as one text, which all servers take; null for nothing. */
function saidIn(content: unknown, refusal: unknown): Fields | null {
  const parts: readonly unknown[] = Array.isArray(content) ? content : [{ text: content }];
  const said = [...parts, { refusal }].flatMap((part): Fields[] => {
    const { text, refusal: refused } = isObject(part) ? part : {};
    if (isText(text)) return [{ type: 'output_text', text, annotations: [] }];
    return isText(refused) ? [{ type: 'refusal', refusal: refused }] : [];
  });
  if (said.length === 0) return null;
  if (said.every(({ type }) => type === 'output_text'))
    return { role: 'assistant', content: said.map(({ text }) => text).join('') };
  return { type: 'message', role: 'assistant', status: 'completed', content: said };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
