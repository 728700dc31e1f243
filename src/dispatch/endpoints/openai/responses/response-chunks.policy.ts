import { type Item, ResponseItems } from './response-items.policy.js';

type Fields = Record<string, unknown>;

/** What an item, or an event, says: a delta of the one choice, and the probabilities of its text. */
interface Said {
  readonly delta: Fields;
  readonly logprobs?: readonly unknown[];
}

type CallKind = (typeof CALLS)[keyof typeof CALLS];

/** The two kinds of calls: what a chat names them by, and what it calls their arguments. */
const CALLS = {
  function_call: { name: 'function', said: 'arguments' },
  custom_tool_call: { name: 'custom', said: 'input' },
} as const;

/**
 * The answer of an endpoint that speaks Responses, as one of chat completions: each event becomes a chunk, so that all that
 * is known of reading chunks holds for it too.
 *
 * What was told by deltas is not told again at the end of its item, or of the response; some servers tell it only there.
 */
export class ResponseChunks {
  /** Nothing follows. */
  ended = false;
  private readonly items = new ResponseItems();
  private calls = 0;
  /** The part of the reasoning that was told last. */
  private thought: { readonly item: Item; readonly kind: unknown; readonly part: unknown } | null = null;

  /** Null for what says nothing of the answer. */
  chunkOf(event: Fields): Fields | null {
    const { type, item } = event;
    switch (type) {
      case 'response.output_text.delta':
      case 'response.output_text.done':
        return this.text(event, 'content', 'text');
      case 'response.refusal.delta':
      case 'response.refusal.done':
        return this.text(event, 'refusal', 'refusal');
      case 'response.reasoning_text.delta':
      case 'response.reasoning_text.done':
        return this.reasoning(event, 'text');
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_summary_text.done':
        return this.reasoning(event, 'summary');
      case 'response.output_item.added':
        return isObject(item) ? chunk(this.begun(this.items.begun(event, item), item)) : null;
      case 'response.function_call_arguments.delta':
      case 'response.function_call_arguments.done':
        return chunk(this.argumentsOf(this.itemOf(event, 'function_call'), event));
      case 'response.custom_tool_call_input.delta':
      case 'response.custom_tool_call_input.done':
        return chunk(this.argumentsOf(this.itemOf(event, 'custom_tool_call'), event));
      case 'response.output_item.done':
        return isObject(item) ? chunk(this.restOf(this.items.ended(event, item), item)) : null;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
      case 'response.cancelled':
        return this.over(event, type.slice('response.'.length));
      case 'response.done':
        return this.over(event, 'completed');
      default:
        return isOfResponses(event) ? null : event;
    }
  }

  /** The same of a response that was not streamed. What is none is left as it is. */
  whole(body: Fields): Fields {
    return Array.isArray(body['output']) ? this.end(body, 'completed', 'message') : body;
  }

  private itemOf(event: Fields, type: string): Item {
    return this.items.of(event, { type, id: event['item_id'] });
  }

  private over({ response }: Fields, status: string): Fields {
    this.ended = true;
    return this.end(isObject(response) ? response : {}, status, 'delta');
  }

  private text(event: Fields, field: 'content' | 'refusal', whole: string): Fields | null {
    const { content_index: part, logprobs } = event;
    const said = newIn(event, whole, this.itemOf(event, 'message'), part);
    return said === null ? null : chunk({ delta: { [field]: said }, logprobs: listOf(logprobs) });
  }

  /** Summaries and what they are summaries of tell the same: what is told first counts. */
  private reasoning(event: Fields, kind: 'text' | 'summary'): Fields | null {
    const { thought } = this;
    const item = this.itemOf(event, 'reasoning');
    const part = event['summary_index'] ?? event['content_index'];
    const isSameItem = thought?.item === item;
    if (isSameItem && thought.kind !== kind) return null;
    const said = newIn(event, 'text', item, part);
    if (!isText(said)) return null;
    const isNewPart = thought !== null && !(isSameItem && thought.part === part);
    this.thought = { item, kind, part };
    return chunk({ delta: { reasoning_content: isNewPart ? `\n\n${said}` : said } });
  }

  private begun(item: Item, entry: Fields): Said | null {
    const kind = callKind(item);
    if (kind === null || item.call !== null) return null;
    const { call_id: id, name, [kind.said]: said } = entry;
    item.call = this.calls;
    this.calls += 1;
    if (isText(said)) item.told.add(ARGUMENTS);
    return calling({ index: item.call, id, type: kind.name, [kind.name]: { name, [kind.said]: said ?? '' } });
  }

  /** Of a call that never began, the end of its item tells all. */
  private argumentsOf(item: Item, event: Fields): Said | null {
    const kind = callKind(item);
    if (kind === null || item.call === null) return null;
    const said = newIn(event, kind.said, item, ARGUMENTS);
    if (!isText(said)) return null;
    return calling({ index: item.call, [kind.name]: { [kind.said]: said } });
  }

  private restOf(item: Item, entry: Fields): Said | null {
    if (item.told.size > 0) return null;
    const kind = callKind(item);
    if (kind !== null) return item.call === null ? this.begun(item, entry) : this.argumentsOf(item, entry);
    if (item.type === 'reasoning') return this.thoughtIn(entry, item);
    const said = messageIn(entry);
    if (Object.keys(said.delta).length > 0) item.told.add('message');
    return said;
  }

  private thoughtIn({ content, summary }: Fields, item: Item): Said | null {
    const text = textsIn(content) || textsIn(summary);
    if (text === '') return null;
    const before = this.thought === null ? '' : '\n\n';
    this.thought = { item, kind: null, part: null };
    item.told.add('reasoning');
    return { delta: { reasoning_content: `${before}${text}` } };
  }

  private end(response: Fields, assumed: string, form: 'delta' | 'message'): Fields {
    const { error, output, model, usage, incomplete_details: details } = response;
    const status = isText(response['status']) ? response['status'] : assumed;
    if (isObject(error)) return { error };
    if (status === 'failed') return { error: NO_REASON };
    if (status !== 'completed' && status !== 'incomplete')
      return { error: { message: `the response is ${status.slice(0, 40)}` } };
    // An end alone is no answer, not even an empty one.
    if (!Array.isArray(output) && !this.items.anyTold) return {};
    const entries = listOf(output).filter(isObject);
    const rest = joined(this.items.inTurn(entries).map((item, at) => this.restOf(item, entries[at]!)));
    const choice = { index: 0, [form]: rest.delta, finish_reason: this.finishOf(status, details) };
    return {
      model,
      choices: [rest.logprobs === undefined ? choice : { ...choice, logprobs: { content: rest.logprobs } }],
      ...(isObject(usage) ? { usage: chatUsage(usage) } : {}),
    };
  }

  private finishOf(status: string, details: unknown): string {
    if (status === 'incomplete')
      return isObject(details) && details['reason'] === 'content_filter' ? 'content_filter' : 'length';
    return this.calls > 0 ? 'tool_calls' : 'stop';
  }
}

const ARGUMENTS = 'arguments';
const NO_REASON = { message: 'no reason given' };

/**
 * What a delta says of a part of its item, or the part's end in its own field; null where that only says again what deltas
 * said. An empty text tells nothing.
 */
function newIn(event: Fields, whole: string, { told }: Item, part: unknown): string | null {
  const { delta } = event;
  const said = delta ?? event[whole];
  if (typeof said !== 'string' || (delta == null && told.has(part))) return null;
  if (said !== '') told.add(part);
  return said;
}

function chunk(said: Said | null): Fields | null {
  if (said === null) return null;
  const { delta, logprobs = [] } = said;
  const choice = { index: 0, delta, finish_reason: null };
  return { choices: [logprobs.length === 0 ? choice : { ...choice, logprobs: { content: logprobs } }] };
}

function calling(call: Fields): Said {
  return { delta: { tool_calls: [call] } };
}

function messageIn({ content }: Fields): Said {
  const parts = listOf(content).filter(isObject);
  return joined(
    parts.map(({ text, refusal, logprobs }): Said | null => {
      if (typeof text === 'string') return { delta: { content: text }, logprobs: listOf(logprobs) };
      return typeof refusal === 'string' ? { delta: { refusal } } : null;
    }),
  );
}

/** Texts and lists one behind the other. */
function joined(said: readonly (Said | null)[]): Said {
  const delta: Fields = {};
  const tokens: unknown[] = [];
  for (const each of said) {
    for (const [name, value] of Object.entries(each?.delta ?? {})) {
      const before = delta[name];
      if (typeof before === 'string') delta[name] = before + String(value);
      else delta[name] = Array.isArray(before) ? before.concat(value) : value;
    }
    for (const token of each?.logprobs ?? []) tokens.push(token);
  }
  return tokens.length === 0 ? { delta } : { delta, logprobs: tokens };
}

/** Its details have other names in a chat, and the same in them. */
function chatUsage({ input_tokens_details, output_tokens_details, ...usage }: Fields): Fields {
  const { input_tokens: prompt_tokens, output_tokens: completion_tokens, ...others } = usage;
  return {
    ...{ ...others, prompt_tokens, completion_tokens },
    ...(input_tokens_details == null ? {} : { prompt_tokens_details: input_tokens_details }),
    ...(output_tokens_details == null ? {} : { completion_tokens_details: output_tokens_details }),
  };
}

function textsIn(parts: unknown): string {
  return listOf(parts)
    .map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .filter((text) => text !== '')
    .join('\n\n');
}

function isOfResponses({ type }: Fields): boolean {
  return typeof type === 'string' && (type.startsWith('response.') || type === 'keepalive');
}

function callKind({ type }: Item): CallKind | null {
  return Object.hasOwn(CALLS, type) ? CALLS[type as keyof typeof CALLS] : null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
