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
  private thought: { readonly item: Item; readonly type: unknown; readonly part: unknown } | null = null;

  /** Null for what says nothing of the answer. */
  chunkOf(event: Fields): Fields | null {
    const { type, delta, item, response } = event;
    switch (type) {
      case 'response.output_text.delta':
        return this.text(event, { content: delta }, event['logprobs']);
      case 'response.refusal.delta':
        return this.text(event, { refusal: delta });
      case 'response.reasoning_text.delta':
      case 'response.reasoning_summary_text.delta':
        return this.reasoning(event);
      case 'response.output_item.added':
        return isObject(item) ? chunk(this.begun(this.items.begun(event, item), item)) : null;
      case 'response.function_call_arguments.delta':
        return chunk(this.argumentsOf(this.itemOf(event, 'function_call'), delta));
      case 'response.custom_tool_call_input.delta':
        return chunk(this.argumentsOf(this.itemOf(event, 'custom_tool_call'), delta));
      case 'response.output_item.done':
        return isObject(item) ? chunk(this.done(this.items.of(event, item), item)) : null;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
      case 'response.cancelled':
        this.ended = true;
        return this.end({ status: type.slice('response.'.length), ...(response as Fields) }, 'delta');
      default:
        return isOfResponses(event) ? null : event;
    }
  }

  /** The same of a response that was not streamed. What is none is left as it is. */
  whole(body: Fields): Fields {
    return Array.isArray(body['output']) ? this.end({ status: 'completed', ...body }, 'message') : body;
  }

  private itemOf(event: Fields, type: string): Item {
    return this.items.of(event, { type, id: event['item_id'] });
  }

  private text(event: Fields, delta: Fields, logprobs?: unknown): Fields {
    this.itemOf(event, 'message').told.add(event['content_index']);
    return chunk({ delta, logprobs: listOf(logprobs) })!;
  }

  /** Summaries and what they are summaries of tell the same: what is told first counts. */
  private reasoning(event: Fields): Fields | null {
    const { type, delta, summary_index, content_index } = event;
    const { thought } = this;
    const item = this.itemOf(event, 'reasoning');
    const part = summary_index ?? content_index;
    const isSameItem = thought?.item === item;
    if (typeof delta !== 'string' || (isSameItem && thought.type !== type)) return null;
    const isNewPart = thought !== null && !(isSameItem && thought.part === part);
    this.thought = { item, type, part };
    item.told.add(part);
    return chunk({ delta: { reasoning_content: isNewPart ? `\n\n${delta}` : delta } });
  }

  private begun(item: Item, entry: Fields): Said | null {
    const kind = callKind(item);
    if (kind === null || item.call !== null) return null;
    const { call_id: id, name, [kind.said]: said } = entry;
    item.call = this.calls;
    this.calls += 1;
    if (isText(said)) item.told.add(kind.said);
    return calling({ index: item.call, id, type: kind.name, [kind.name]: { name, [kind.said]: said ?? '' } });
  }

  /** Of a call that never began, the end of its item tells all. */
  private argumentsOf(item: Item, said: unknown): Said | null {
    const kind = callKind(item);
    if (kind === null || item.call === null || !isText(said)) return null;
    item.told.add(kind.said);
    return calling({ index: item.call, [kind.name]: { [kind.said]: said } });
  }

  private done(item: Item, entry: Fields): Said | null {
    item.ended = true;
    return this.restOf(item, entry);
  }

  private restOf(item: Item, entry: Fields): Said | null {
    if (item.told.size > 0) return null;
    const kind = callKind(item);
    if (kind !== null)
      return item.call === null ? this.begun(item, entry) : this.argumentsOf(item, entry[kind.said]);
    if (item.type === 'reasoning') return this.thoughtIn(entry, item);
    const said = messageIn(entry);
    if (Object.keys(said.delta).length > 0) item.told.add('message');
    return said;
  }

  private thoughtIn({ content, summary }: Fields, item: Item): Said | null {
    const text = textsIn(content) || textsIn(summary);
    if (text === '') return null;
    const before = this.thought === null ? '' : '\n\n';
    this.thought = { item, type: null, part: null };
    item.told.add('reasoning');
    return { delta: { reasoning_content: `${before}${text}` } };
  }

  private end(response: Fields, form: 'delta' | 'message'): Fields {
    const { status, error, output, model, usage } = response;
    if (isObject(error)) return { error };
    if (status === 'failed') return { error: NO_REASON };
    if (status !== 'completed' && status !== 'incomplete')
      return { error: { message: `the response is ${String(status).slice(0, 40)}` } };
    const entries = listOf(output).filter(isObject);
    const rest = joined(this.items.inTurn(entries).map((item, at) => this.restOf(item, entries[at]!)));
    const choice = { index: 0, [form]: rest.delta, finish_reason: this.finishOf(response) };
    return {
      model,
      choices: [rest.logprobs === undefined ? choice : { ...choice, logprobs: { content: rest.logprobs } }],
      ...(isObject(usage) ? { usage: chatUsage(usage) } : {}),
    };
  }

  private finishOf({ status, incomplete_details: details }: Fields): string {
    if (status === 'incomplete')
      return isObject(details) && details['reason'] === 'content_filter' ? 'content_filter' : 'length';
    return this.calls > 0 ? 'tool_calls' : 'stop';
  }
}

const NO_REASON = { message: 'no reason given' };

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
