import { isTooDeep, MAX_TOOL_CALLS } from './answer-bounds.js';
import { answerTooDeep, answerTooLarge } from './call-errors.js';

/** What is known of a call so far. */
interface Call {
  readonly index: number;
  readonly id: string;
  /** The endpoint gave none that could be used. */
  readonly idIsOurs: boolean;
  name: string;
  args: string;
}

/** One entry of `tool_calls` as an endpoint sent it, in parts. */
interface Entry {
  readonly id: string;
  readonly number: number | null;
  readonly name: string;
  readonly args: string;
  /** OpenAI's two kinds differ in the names of their parts. */
  readonly custom: boolean;
  readonly type: string | null;
  readonly rest: Record<string, unknown> | null;
}

/**
 * Numbers the tool calls of one choice from 0, in the order in which they begin, whatever the endpoint numbers or names
 * them by. By its `index`, else by its `id`, an entry belongs to a call; one with neither goes on with the last call.
 * Servers that give each call the same index begin another by another id or name, or behind arguments that are whole.
 */
export class ToolCallNumbers {
  private readonly byNumber = new Map<number, Call>();
  private readonly byId = new Map<string, Call>();
  private current: Call | null = null;
  private count = 0;

  /** @param ids begins the ids of calls that have none; unique to the choice */
  constructor(private readonly ids: string) {}

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /**
   * The entries in the form of a piece; those that say nothing are left out.
   *
   * @param whole they come from a message, in which each entry is a call
   * @throws {ModelCallError} `answer_too_large`
   */
  take(entries: unknown, whole: boolean): Record<string, unknown>[] {
    const list = Array.isArray(entries) ? entries : [entries];
    const taken: Record<string, unknown>[] = [];
    for (const raw of list) {
      const entry = entryOf(raw);
      if (entry !== null) taken.push(this.place(entry, whole));
    }
    return taken;
  }

  private place(entry: Entry, whole: boolean): Record<string, unknown> {
    const known = whole ? null : this.callOf(entry);
    const call = known ?? this.begin(entry);
    const name = call.name === '' ? entry.name : '';
    call.name ||= entry.name;
    call.args += entry.args;
    if (entry.number !== null) this.byNumber.set(entry.number, call);
    this.current = call;
    return {
      ...(known === null ? { index: call.index, id: call.id } : { index: call.index }),
      ...partsOf(entry, known === null, known === null ? entry.name : name),
    };
  }

  private callOf({ id, number, name, args }: Entry): Call | null {
    const call = this.candidate(id, number, name);
    if (call === null) return null;
    if (id !== '' && id !== call.id && !call.idIsOurs) return null;
    if (name === '' || call.name === '') return call;
    if (name !== call.name) return null;
    const again = id !== call.id && args.startsWith('{') && call.args.endsWith('}');
    return again ? null : call;
  }

  private candidate(id: string, number: number | null, name: string): Call | null {
    if (number !== null) {
      // Some number only the entries that go on with a call.
      return this.byNumber.get(number) ?? (id === '' && name === '' ? this.current : null);
    }
    if (id !== '' && this.byId.has(id)) return this.byId.get(id)!;
    const isOther = id !== '' && (name !== '' || this.current?.idIsOurs !== true);
    return isOther ? null : this.current;
  }

  private begin({ id, name }: Entry): Call {
    if (this.count >= MAX_TOOL_CALLS) throw answerTooLarge(`has more than ${MAX_TOOL_CALLS} tool calls`);
    const index = this.count;
    this.count += 1;
    // Results are told by the id, so that two calls can't share one.
    const idIsOurs = id === '' || this.byId.has(id);
    const call: Call = { index, id: idIsOurs ? `${this.ids}${index}` : id, idIsOurs, name, args: '' };
    this.byId.set(call.id, call);
    return call;
  }
}

function entryOf(raw: unknown): Entry | null {
  if (!isObject(raw)) return null;
  // Some have the name and the arguments beside the function, or no function around them.
  const {
    id,
    index,
    type,
    function: called,
    custom,
    name: ownName,
    arguments: ownArguments,
    ...others
  } = raw;
  const isCustom = isObject(custom);
  const parts = isCustom ? custom : isObject(called) ? called : {};
  const name = textIn(parts['name']) || textIn(ownName);
  const args = argumentsText(isCustom ? parts['input'] : (parts['arguments'] ?? ownArguments));
  const rest = restOf(others);
  if (textIn(id) === '' && name === '' && args === '' && rest === null) return null;
  return {
    id: textIn(id),
    number: numberIn(index),
    ...{ name, args, custom: isCustom, rest },
    type: typeof type === 'string' && type !== '' ? type : null,
  };
}

/** Fields that OpenAI doesn't know, such as the signature of a thought. */
function restOf(others: Record<string, unknown>): Record<string, unknown> | null {
  let rest: Record<string, unknown> | null = null;
  for (const name in others) {
    const value = others[name];
    if (value === null || value === undefined || value === '' || name === '__proto__') continue;
    if (isTooDeep(value)) throw answerTooDeep();
    rest ??= {};
    rest[name] = value;
  }
  return rest;
}

function partsOf(entry: Entry, first: boolean, name: string): Record<string, unknown> {
  const named = name === '' ? {} : { name };
  const said = first || entry.args !== '';
  const parts = entry.custom
    ? { ...named, ...(said ? { input: entry.args } : {}) }
    : { ...named, ...(said ? { arguments: entry.args } : {}) };
  const kind = entry.custom ? 'custom' : 'function';
  return {
    ...(first ? { type: entry.type ?? kind } : {}),
    ...(Object.keys(parts).length === 0 ? {} : { [kind]: parts }),
    ...entry.rest,
  };
}

/** Arguments are JSON as a text; some servers send the JSON itself. */
export function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (isTooDeep(value)) throw answerTooDeep();
  return JSON.stringify(value);
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function numberIn(index: unknown): number | null {
  const number = typeof index === 'string' && index !== '' ? Number(index) : index;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
