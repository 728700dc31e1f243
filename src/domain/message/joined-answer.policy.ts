/**
 * One piece of an answer, in the one form in which pieces travel: OpenAI's delta of one choice, and beside its fields
 *
 * - `index`: the choice that it belongs to; absent for the first, 0;
 * - `logprobs`: what the choice's chunk said of them.
 *
 * Texts are increments. Each of `tool_calls` has an `index`, counted from 0 without gaps, and its `arguments` are text.
 */
export type AnswerPiece = Readonly<Record<string, unknown>>;

/** What is held of an answer, to bound it by. */
export interface AnswerSize {
  /** UTF-16 units of texts and names, and of all else as JSON. */
  units: number;
  /** Fields and list items. */
  entries: number;
}

/** These come in pieces that are joined. */
const TEXTS: ReadonlySet<string> = new Set([
  ...['content', 'refusal', 'reasoning_content', 'reasoning', 'thinking', 'arguments', 'input', 'text'],
  ...['transcript', 'data', 'summary'],
]);
/** These are said once, or said again as they were; the id and the name of a tool call tell which call it is. */
const ONCE: ReadonlySet<string> = new Set([
  ...['id', 'type', 'name', 'index', 'role', 'object', 'format', 'status', 'model', 'provider', 'mime_type'],
]);
/** Inside of a tool call they tell which call it is. */
const CALL_NAMES: ReadonlySet<string> = new Set(['id', 'name']);
/** What belongs to the choice rather than to its message. */
const LOGPROBS = 'logprobs';
/** Values below this are kept as they came last. */
const JOINED_LEVELS = 8;

/**
 * Joins the pieces of an answer, by the rules of OpenAI's own SDKs: texts grow, lists grow, list items with an `index`
 * and objects are joined field by field, and of all else the last counts. The worker makes the stored answer with it and
 * a stream what its client has, so that the two can't disagree. Joining a whole message gives the message again.
 */
export class JoinedAnswer {
  readonly size: AnswerSize = { units: 0, entries: 0 };
  private readonly choices = new Map<number, JoinedFields>();

  add(piece: AnswerPiece): void {
    const index = choiceOf(piece);
    let choice = this.choices.get(index);
    if (choice === undefined) {
      choice = new JoinedFields(this.size);
      this.choices.set(index, choice);
    }
    choice.add(piece, 0);
  }

  /** The choices that something was said of, in their order. */
  get indices(): number[] {
    return [...this.choices.keys()].sort((one, other) => one - other);
  }

  /** The assistant's message of a choice, in OpenAI's shape. */
  message(index: number): { role: 'assistant'; content: string | null } & Record<string, unknown> {
    const fields = this.choices.get(index)?.json() ?? {};
    const { content, [LOGPROBS]: _, ...rest } = fields;
    return { role: 'assistant', content: typeof content === 'string' ? content : null, ...rest };
  }

  logprobs(index: number): unknown {
    return this.choices.get(index)?.get(LOGPROBS) ?? null;
  }

  /** What of a choice goes beyond what another answer has of it. */
  beyond(index: number, other: JoinedAnswer): Beyond {
    const said = this.choices.get(index) ?? new JoinedFields({ units: 0, entries: 0 });
    const had = other.choices.get(index);
    const comparison: Comparison = { diverged: false, behind: false };
    const fresh = said.beyond(had, false, comparison);
    return { ...comparison, fresh };
  }
}

interface Comparison {
  /** They contradict each other. */
  diverged: boolean;
  /** The other has more of something than this one. */
  behind: boolean;
}

export interface Beyond extends Readonly<Comparison> {
  /** As a piece, which makes this answer of the other. */
  readonly fresh: Record<string, unknown>;
}

export function choiceOf({ index }: AnswerPiece): number {
  return typeof index === 'number' ? index : 0;
}

type Held = string | number | boolean | JoinedFields | JoinedList | Kept;

/** A value that is not looked into. */
class Kept {
  constructor(readonly value: unknown) {}
}

/** Of whatever kind a field is at first, it stays: a piece of another kind says nothing of it. */
class JoinedFields {
  private readonly fields = new Map<string, Held>();
  /**
   * How often a text of an unknown name was the same in every piece so far. It may be a constant, repeated with each
   * piece; if another piece follows it was a text, and all its pieces count.
   */
  private repeats: Map<string, number> | null = null;

  constructor(private readonly size: AnswerSize) {}

  add(piece: AnswerPiece, level: number): void {
    for (const name in piece) {
      const value = piece[name];
      if (value === null || value === undefined) continue;
      if (level === 0 && (name === 'index' || name === 'role')) continue;
      if (typeof value === 'string') this.addText(name, value);
      else this.addValue(name, value, level);
    }
  }

  get(name: string): unknown {
    const held = this.fields.get(name);
    return held === undefined ? undefined : jsonOf(held);
  }

  json(): Record<string, unknown> {
    return Object.fromEntries([...this.fields].map(([name, held]) => [name, jsonOf(held, name)]));
  }

  /** @param strict inside a tool call, whose names tell which call it is */
  beyond(other: JoinedFields | undefined, strict: boolean, comparison: Comparison): Record<string, unknown> {
    const fresh = new Map<string, unknown>();
    for (const [name, held] of this.fields) {
      const had = other?.fields.get(name);
      if (had === undefined) fresh.set(name, jsonOf(held, name, true));
      else {
        const more = this.moreOf(name, held, had, other!, strict, comparison);
        if (more !== undefined) fresh.set(name, more);
      }
    }
    for (const [name, had] of other?.fields ?? []) {
      const isMore = isSubstance(name, had) || (strict && CALL_NAMES.has(name) && had !== '');
      if (!this.fields.has(name) && isMore) comparison.behind = true;
    }
    return Object.fromEntries(fresh);
  }

  private moreOf(
    name: string,
    held: Held,
    had: Held,
    other: JoinedFields,
    strict: boolean,
    comparison: Comparison,
  ): unknown {
    if (typeof held === 'string' && typeof had === 'string') {
      return this.moreText(name, held, other.saidOf(name, had, held), strict, comparison);
    }
    if (held instanceof JoinedFields && had instanceof JoinedFields) {
      const more = held.beyond(had, strict || name === 'function_call', comparison);
      return Object.keys(more).length === 0 ? undefined : more;
    }
    if (held instanceof JoinedList && had instanceof JoinedList) {
      return held.beyond(had, strict || name === 'tool_calls', comparison);
    }
    return held === had || held instanceof Kept ? undefined : jsonOf(held, name, true);
  }

  private moreText(
    name: string,
    held: string,
    had: string,
    strict: boolean,
    comparison: Comparison,
  ): string | undefined {
    if (held === had) return undefined;
    if (ONCE.has(name)) {
      const isOther = strict && CALL_NAMES.has(name);
      if (isOther) comparison.diverged = true;
      return isOther ? undefined : held;
    }
    if (held.startsWith(had)) return held.slice(had.length);
    if (had.startsWith(held)) comparison.behind = true;
    // What was the same in every piece is no text that a reader sees.
    else if (this.repeats?.has(name) !== true) comparison.diverged = true;
    return undefined;
  }

  /** All that was said of a text; where it may be a constant, as the other takes it. */
  private saidOf(name: string, text: string, other: string): string {
    const count = this.repeats?.get(name) ?? 1;
    return count === 1 || other === text ? text : text.repeat(count);
  }

  private addText(name: string, piece: string): void {
    const held = this.fields.get(name);
    if (held === undefined) {
      this.count(name);
      this.fields.set(name, piece);
      if (!TEXTS.has(name) && !ONCE.has(name)) this.repeated(name, 1);
    } else if (typeof held !== 'string') return;
    else if (TEXTS.has(name)) this.fields.set(name, held + piece);
    else if (ONCE.has(name)) {
      if (piece !== '') this.fields.set(name, piece);
      return;
    } else this.addUnknownText(name, held, piece);
    this.size.units += piece.length;
  }

  private addUnknownText(name: string, held: string, piece: string): void {
    const count = this.repeats?.get(name);
    if (count === undefined) this.fields.set(name, held + piece);
    else if (held === piece) this.repeated(name, count + 1);
    else {
      this.fields.set(name, held.repeat(count) + piece);
      this.repeats!.delete(name);
    }
  }

  private repeated(name: string, count: number): void {
    this.repeats ??= new Map();
    this.repeats.set(name, count);
  }

  private addValue(name: string, value: unknown, level: number): void {
    let held = this.fields.get(name);
    if (held === undefined) {
      held = this.emptyFor(name, value, level);
      this.count(name);
      this.fields.set(name, held);
    }
    if (held instanceof JoinedList) {
      if (Array.isArray(value)) held.add(value, level + 1);
    } else if (held instanceof JoinedFields) {
      if (isObject(value)) held.add(value, level + 1);
    } else if (held instanceof Kept) {
      this.size.units += JSON.stringify(value).length;
      this.fields.set(name, new Kept(value));
    } else if (typeof held !== 'string' && typeof value !== 'object') {
      this.fields.set(name, value as number | boolean);
    }
  }

  private emptyFor(name: string, value: unknown, level: number): Held {
    if (typeof value !== 'object') return value as number | boolean;
    if (level >= JOINED_LEVELS) return new Kept(value);
    return Array.isArray(value)
      ? new JoinedList(this.size, name === 'tool_calls')
      : new JoinedFields(this.size);
  }

  private count(name: string): void {
    this.size.entries += 1;
    this.size.units += name.length + 8;
  }
}

class JoinedList {
  private readonly items: unknown[] = [];
  private readonly numbered = new Map<number, JoinedFields>();

  /** @param ordinal the items of a whole list are numbered by their places, and the numbers are left out of it */
  constructor(
    private readonly size: AnswerSize,
    private readonly ordinal: boolean,
  ) {}

  add(list: readonly unknown[], level: number): void {
    for (const [place, item] of list.entries()) {
      const number = this.numberOf(item, place);
      if (number === null) {
        this.items.push(item);
        this.size.entries += 1;
        this.size.units += JSON.stringify(item ?? null).length;
      } else this.numberedAt(number).add(item as AnswerPiece, level + 1);
    }
  }

  json(numbers = !this.ordinal): unknown[] {
    const numbered = [...this.numbered].map(([index, fields]) => {
      const { index: _, ...rest } = fields.json();
      return numbers ? { index, ...rest } : rest;
    });
    return [...numbered, ...this.items];
  }

  beyond(other: JoinedList, strict: boolean, comparison: Comparison): unknown[] | undefined {
    const fresh: unknown[] = [];
    for (const [index, fields] of this.numbered) {
      const { index: _, ...more } = fields.beyond(other.numbered.get(index), strict, comparison);
      if (Object.keys(more).length > 0) fresh.push({ index, ...more });
    }
    for (const index of other.numbered.keys()) if (!this.numbered.has(index)) comparison.behind = true;
    fresh.push(...this.items.slice(other.items.length));
    return fresh.length === 0 ? undefined : fresh;
  }

  get isEmpty(): boolean {
    return this.numbered.size === 0;
  }

  private numberOf(item: unknown, place: number): number | null {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return null;
    const { index } = item as { index?: unknown };
    if (Number.isSafeInteger(index)) return index as number;
    return this.ordinal ? place : null;
  }

  private numberedAt(number: number): JoinedFields {
    let fields = this.numbered.get(number);
    if (fields === undefined) {
      fields = new JoinedFields(this.size);
      this.numbered.set(number, fields);
      this.size.entries += 1;
      this.size.units += 12;
    }
    return fields;
  }
}

function isObject(value: unknown): value is AnswerPiece {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function jsonOf(held: Held, name?: string, numbers?: boolean): unknown {
  if (held instanceof JoinedFields) return held.json();
  if (held instanceof JoinedList) return held.json(numbers ?? (name === 'tool_calls' ? undefined : true));
  return held instanceof Kept ? held.value : held;
}

/** Whether an answer that lacks it says less. Lists without numbers and single values are no part of a text. */
function isSubstance(name: string, held: Held): boolean {
  if (typeof held === 'string') return TEXTS.has(name) && held !== '';
  return held instanceof JoinedList ? !held.isEmpty : held instanceof JoinedFields && name !== LOGPROBS;
}
