import { isTooDeep } from './answer-bounds.js';
import { answerTooDeep } from './call-errors.js';
import type { FinishReason } from './finish-reason.policy.js';
import { argumentsText, ToolCallNumbers } from './tool-call-numbers.js';

type Fields = Record<string, unknown>;

/** What belongs to the frame of a piece, whoever else uses the names. */
const FRAME: ReadonlySet<string> = new Set(['role', 'index', 'logprobs', 'finish_reason']);
/** These are texts, whatever they come as. */
const TEXTS: ReadonlySet<string> = new Set([
  ...['refusal', 'reasoning_content', 'reasoning', 'reasoning_text', 'thinking'],
]);
/** What of a choice is read; the rest is handed on as it is. */
const READ: ReadonlySet<string> = new Set([
  ...['index', 'delta', 'message', 'text', 'finish_reason', 'logprobs', 'usage', 'error'],
]);

/** Follows one choice of an answer and makes pieces of what is said of it. */
export class ChoiceReader {
  finish: Exclude<FinishReason, 'error'> | null = null;
  /** It went on behind its end, so that its finish reason means nothing. */
  contradicted = false;
  /** A content came, and it was empty. */
  emptyContent = false;
  /** What only this choice has, as it came last. */
  readonly others = new Map<string, unknown>();
  private toolCalls: ToolCallNumbers | null = null;
  private calledFunction = '';
  private begun = false;

  constructor(
    readonly index: number,
    /** Unique to the message; makes the ids of tool calls that have none. */
    private readonly seed: string,
  ) {}

  get callsTools(): boolean {
    return this.toolCalls !== null && !this.toolCalls.isEmpty;
  }

  /**
   * What an entry of `choices` says; null where that is nothing.
   *
   * @param whole it is from a completion in one piece
   * @throws {ModelCallError} `answer_too_large`
   */
  take(choice: Fields, whole: boolean): Fields | null {
    const { delta, message, text, logprobs } = choice;
    let piece: Fields | null = null;
    if (isObject(delta)) piece = this.said(delta, whole);
    // Some end a stream of deltas with the message that they make.
    else if (isObject(message) && !this.begun) piece = this.said(message, true);
    else if (typeof text === 'string' && text !== '') piece = { content: text };
    else if (text === '') this.emptyContent = true;
    if (isObject(logprobs) && hasItems(logprobs)) {
      if (isTooDeep(logprobs)) throw answerTooDeep();
      piece ??= {};
      piece['logprobs'] = logprobs;
    }
    if (piece === null) return null;
    this.begun = true;
    if (this.finish !== null) this.contradicted = true;
    if (this.index > 0) piece['index'] = this.index;
    return piece;
  }

  /** Fields that only this choice has. @returns the names of those that changed; null for none */
  keepOthers(choice: Fields): string[] | null {
    let changed: string[] | null = null;
    for (const name in choice) {
      const value = choice[name];
      if (value === null || READ.has(name) || value === undefined || this.others.get(name) === value)
        continue;
      if (isTooDeep(value)) throw answerTooDeep();
      this.others.set(name, value);
      changed ??= [];
      changed.push(name);
    }
    return changed;
  }

  private said(delta: Fields, whole: boolean): Fields | null {
    let piece: Fields | null = null;
    for (const name in delta) {
      const value = delta[name];
      if (value === null || value === undefined) continue;
      if (value === '') {
        if (name === 'content') this.emptyContent = true;
        continue;
      }
      if (FRAME.has(name)) continue;
      if (typeof value === 'string') {
        piece ??= {};
        if (name === 'content') piece['content'] = join(piece['content'], value);
        else put(piece, name, value);
      } else piece = this.saidInParts(name, value, whole, piece);
    }
    return piece;
  }

  private saidInParts(name: string, value: unknown, whole: boolean, piece: Fields | null): Fields | null {
    const said = piece ?? {};
    if (name === 'content') this.addParts(said, value);
    else if (name === 'tool_calls') {
      this.toolCalls ??= new ToolCallNumbers(`call_${lettersOf(this.seed)}${this.index}_`);
      const calls = this.toolCalls.take(value, whole);
      if (calls.length > 0) said['tool_calls'] = calls;
    } else if (name === 'function_call') this.addFunctionCall(said, value);
    else if (TEXTS.has(name)) {
      const words = wordsOf(value);
      if (words !== '') put(said, name, words);
    } else if (!isHollow(value)) {
      if (isTooDeep(value)) throw answerTooDeep();
      put(said, name, value);
    }
    return Object.keys(said).length === 0 ? null : said;
  }

  /** Content in parts: texts are the content, thoughts the reasoning; what is neither is handed on. */
  private addParts(piece: Fields, value: unknown): void {
    const parts = Array.isArray(value) ? value : [value];
    for (const part of parts) {
      const text = textOf(part);
      if (text === null) {
        if (isHollow(part)) continue;
        if (isTooDeep(part)) throw answerTooDeep();
        piece['content_parts'] ??= [];
        (piece['content_parts'] as unknown[]).push(part);
      } else if (text.words !== '') piece[text.field] = join(piece[text.field], text.words);
      else if (text.field === 'content') this.emptyContent = true;
    }
  }

  /** The older form of tool calls. Its name is told once, however often it comes. */
  private addFunctionCall(piece: Fields, value: unknown): void {
    if (!isObject(value)) return;
    const name = typeof value['name'] === 'string' ? value['name'] : '';
    const args = argumentsText(value['arguments']);
    const first = this.calledFunction === '' && name !== '';
    if (first) this.calledFunction = name;
    if (first) piece['function_call'] = { name, arguments: args };
    else if (args !== '') piece['function_call'] = { arguments: args };
  }
}

/** The text of a part, and the field that it belongs to; null where it is none. */
function textOf(part: unknown): { readonly field: string; readonly words: string } | null {
  if (typeof part === 'string') return { field: 'content', words: part };
  if (typeof part === 'number' || typeof part === 'boolean') return { field: 'content', words: String(part) };
  if (!isObject(part)) return null;
  const type = typeof part['type'] === 'string' ? part['type'] : 'text';
  if (/think|reason/.test(type)) return { field: 'reasoning_content', words: wordsIn(part) };
  if (type === 'refusal') return { field: 'refusal', words: wordsIn(part) };
  const words = wordsIn(part);
  return /text/.test(type) ? { field: 'content', words } : null;
}

/** The words of a text that comes in parts, or as something else. */
function wordsOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  return parts
    .map((part) => (isObject(part) ? wordsIn(part) : typeof part === 'string' ? part : ''))
    .join('');
}

function wordsIn(part: Fields): string {
  for (const name of ['text', 'thinking', 'reasoning', 'refusal', 'value', 'content']) {
    const words = part[name];
    if (typeof words === 'string') return words;
    if (isObject(words) && typeof words['value'] === 'string') return words['value'];
    if (Array.isArray(words))
      return words
        .map((each) => (isObject(each) && typeof each['text'] === 'string' ? each['text'] : ''))
        .join('');
  }
  return '';
}

function join(before: unknown, more: string): string {
  return typeof before === 'string' ? before + more : more;
}

/** As a plain assignment, but for the one name that would not be a field then. */
function put(fields: Fields, name: string, value: unknown): void {
  if (name !== '__proto__') fields[name] = value;
}

function hasItems(logprobs: Fields): boolean {
  for (const name in logprobs) if (!isHollow(logprobs[name])) return true;
  return false;
}

function isHollow(value: unknown): boolean {
  if (typeof value !== 'object') return value === undefined;
  if (value === null) return true;
  for (const _ in value) return false;
  return true;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same for each call of a message, so that an answer that is given again has the same ids. */
function lettersOf(seed: string): string {
  return seed.replaceAll(/[^A-Za-z0-9]/g, '').slice(-20);
}
