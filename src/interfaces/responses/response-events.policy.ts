import { endedAs } from '../../domain/message/response.policy.js';
import { callIdFor, type OutputItem, reasoningBody, refusalPart, textPart } from './items-of-chat.policy.js';
import { type ResponseHead, type ResponseStand, responseJson } from './response.policy.js';
import { ItemIds } from './response-ids.policy.js';

type Delta = Readonly<Record<string, unknown>>;
type Kind = 'text' | 'refusal' | 'reasoning';

/** Sends one event. It is written before the next one is made: items in it change later. */
export type Emit = (type: string, event: Record<string, unknown>, sequence: number) => void;

/** What is known when the answer is whole. */
export interface WholeAnswer extends Pick<ResponseStand, 'usage' | 'estimated' | 'completedAt'> {
  readonly model: string;
  readonly finishReason: string | null;
}

interface OpenPart {
  readonly kind: Kind;
  readonly item: OutputItem;
  readonly outputIndex: number;
  readonly contentIndex: number;
  text: string;
  logprobs: unknown[];
}

interface OpenCall {
  /** Null until its name is known. */
  item: OutputItem | null;
  outputIndex: number;
  name: string;
  id: string | null;
  said: string;
}

const NO_LOGPROBS: readonly unknown[] = [];

/**
 * The events of one response's stream, made of the pieces of a chat's answer.
 *
 * The same pieces make the same events with the same numbers, from 0 without gaps, in every process. So nothing is kept of
 * a stream: whoever comes back with a number is told all again, and sent what is behind it.
 *
 * *Begun*, *in progress* (before the first thing that the model says), and *ended* by one of `complete`, `fail` and `cancel`.
 * A text of the model is open until it says something else; its calls are open until the end, since pieces of several may
 * come in turns.
 */
export class ResponseEvents {
  private next = 0;
  private readonly items: OutputItem[] = [];
  private readonly ids: ItemIds;
  private readonly calls = new Map<number, OpenCall>();
  private part: OpenPart | null = null;
  private progresses = false;

  constructor(
    private readonly head: ResponseHead,
    private readonly model: string,
    private readonly emit: Emit,
  ) {
    this.ids = new ItemIds(head.messageId, 'answered');
  }

  /** Of the event that comes next. */
  get sequence(): number {
    return this.next;
  }

  /** The number that the last event would have if the answer were whole now. */
  get lastIfWhole(): number {
    const texts = this.part === null ? 0 : 3;
    return this.next + (this.progresses ? 0 : 1) + texts + 2 * this.calls.size;
  }

  /** What comes next has this number at least. */
  skipTo(sequence: number): void {
    if (sequence > this.next) this.next = sequence;
  }

  begin(): void {
    const { background } = this.head;
    this.tell('response.created', background ? 'queued' : 'in_progress');
    if (background) this.tell('response.queued', 'queued');
    else this.progress();
  }

  /** @param delta of the first choice */
  piece(delta: Delta): void {
    if (!this.progresses) this.progress();
    const { reasoning_content, reasoning, content, refusal, tool_calls } = delta;
    const thought = reasoning_content ?? reasoning;
    if (typeof thought === 'string' && thought !== '') this.addText('reasoning', thought, null);
    if (typeof content === 'string' && content !== '') this.addText('text', content, delta['logprobs']);
    if (typeof refusal === 'string' && refusal !== '') this.addText('refusal', refusal, null);
    if (Array.isArray(tool_calls)) for (const call of tool_calls) this.addCall(call as Delta);
  }

  complete({ finishReason, ...answer }: WholeAnswer): void {
    if (!this.progresses) this.progress();
    const { status, incomplete } = endedAs(finishReason);
    this.closePart(status);
    this.closeCalls(status);
    this.tell(`response.${status}`, status, { ...answer, incomplete });
  }

  fail(error: { readonly code: string; readonly message: string }): void {
    if (!this.progresses) this.progress();
    this.tell('response.failed', 'failed', { error });
  }

  /** OpenAI has no event for it: what ends the stream is a failure by its name, and the response tells what became of it. */
  cancel(): void {
    if (!this.progresses) this.progress();
    this.tell('response.failed', 'cancelled');
  }

  private progress(): void {
    this.progresses = true;
    this.tell('response.in_progress', 'in_progress');
  }

  private addText(kind: Kind, delta: string, logprobs: unknown): void {
    const part = this.part?.kind === kind ? this.part : this.open(kind);
    part.text += delta;
    const told = kind === 'text' ? toldLogprobs(logprobs) : NO_LOGPROBS;
    if (told.length > 0) part.logprobs.push(...told);
    const sequence = this.next++;
    const type = DELTAS[kind];
    const { item, outputIndex, contentIndex } = part;
    // Field by field: this is made for each piece.
    const event: Record<string, unknown> = {
      type,
      sequence_number: sequence,
      item_id: item.id,
      output_index: outputIndex,
      content_index: contentIndex,
      delta,
    };
    if (kind === 'text') event['logprobs'] = told;
    this.emit(type, event, sequence);
  }

  private open(kind: Kind): OpenPart {
    const before = this.part;
    const sameItem = before !== null && kind !== 'reasoning' && before.kind !== 'reasoning';
    if (sameItem) this.closeContent(before);
    else this.closePart('completed');
    const item = sameItem ? before.item : this.added(kind);
    const contentIndex = (item['content'] as unknown[]).length;
    const outputIndex = this.items.length - 1;
    this.part = { kind, item, outputIndex, contentIndex, text: '', logprobs: [] };
    this.event('response.content_part.added', {
      ...{ item_id: item.id, output_index: outputIndex, content_index: contentIndex },
      part: partOf(kind, '', NO_LOGPROBS),
    });
    return this.part;
  }

  private added(kind: Kind): OutputItem {
    const body =
      kind === 'reasoning'
        ? { ...reasoningBody(''), content: [] }
        : { status: 'in_progress', role: 'assistant', content: [] };
    return this.addItem(kind === 'reasoning' ? 'reasoning' : 'message', body);
  }

  private addItem(type: OutputItem['type'], body: Record<string, unknown>): OutputItem {
    const index = this.items.length;
    const item: OutputItem = { id: this.ids.next(type), type, ...body };
    this.items.push(item);
    this.event('response.output_item.added', { output_index: index, item });
    return item;
  }

  private closeContent({ kind, item, outputIndex, contentIndex, text, logprobs }: OpenPart): void {
    const at = { item_id: item.id, output_index: outputIndex, content_index: contentIndex };
    const part = partOf(kind, text, logprobs);
    (item['content'] as unknown[]).push(part);
    const said = kind === 'refusal' ? { refusal: text } : kind === 'text' ? { text, logprobs } : { text };
    this.event(DONE[kind], { ...at, ...said });
    this.event('response.content_part.done', { ...at, part });
  }

  private closePart(status: 'completed' | 'incomplete'): void {
    const { part } = this;
    if (part === null) return;
    this.part = null;
    this.closeContent(part);
    if (part.kind !== 'reasoning') part.item['status'] = this.isLast(part.item) ? status : 'completed';
    this.event('response.output_item.done', { output_index: part.outputIndex, item: part.item });
  }

  private addCall(piece: Delta): void {
    const { index, id, function: called } = piece;
    const at = typeof index === 'number' ? index : 0;
    const { name, arguments: said } = (called ?? {}) as Delta;
    let call = this.calls.get(at);
    if (call === undefined) {
      call = { item: null, outputIndex: -1, name: '', id: null, said: '' };
      this.calls.set(at, call);
    }
    if (typeof id === 'string' && id !== '') call.id ??= id;
    if (typeof name === 'string' && call.name === '') call.name = name;
    let fresh = typeof said === 'string' ? said : '';
    call.said += fresh;
    if (call.item === null) {
      if (call.name === '') return;
      this.announce(call, at);
      fresh = call.said;
    }
    if (fresh !== '') this.tellArguments(call, fresh);
  }

  private announce(call: OpenCall, at: number): void {
    this.closePart('completed');
    call.outputIndex = this.items.length;
    call.item = this.addItem('function_call', {
      ...{ status: 'in_progress', arguments: '', name: call.name },
      call_id: call.id ?? callIdFor(this.head.messageId, at),
    });
  }

  private tellArguments({ item, outputIndex }: OpenCall, delta: string): void {
    const sequence = this.next++;
    const type = 'response.function_call_arguments.delta';
    const event = { type, sequence_number: sequence, item_id: item!.id, output_index: outputIndex, delta };
    this.emit(type, event, sequence);
  }

  private closeCalls(status: 'completed' | 'incomplete'): void {
    for (const [at, call] of this.calls) {
      const { said } = call;
      if (call.item === null) {
        this.announce(call, at);
        if (said !== '') this.tellArguments(call, said);
      }
      const item = call.item!;
      const { outputIndex } = call;
      item['arguments'] = said;
      item['status'] = this.isLast(item) ? status : 'completed';
      const name = item['name'];
      const place = { item_id: item.id, output_index: outputIndex };
      this.event('response.function_call_arguments.done', { ...place, name, arguments: said });
      this.event('response.output_item.done', { output_index: outputIndex, item });
    }
  }

  private isLast(item: OutputItem): boolean {
    return this.items.at(-1) === item;
  }

  private tell(type: string, status: ResponseStand['status'], more: Partial<ResponseStand> = {}): void {
    const stand = { status, model: this.model, output: this.items, ...more };
    this.event(type, { response: responseJson(this.head, stand) });
  }

  private event(type: string, body: Record<string, unknown>): void {
    const sequence = this.next++;
    this.emit(type, { type, sequence_number: sequence, ...body }, sequence);
  }
}

const DELTAS: Readonly<Record<Kind, string>> = {
  text: 'response.output_text.delta',
  refusal: 'response.refusal.delta',
  reasoning: 'response.reasoning_text.delta',
};

const DONE: Readonly<Record<Kind, string>> = {
  text: 'response.output_text.done',
  refusal: 'response.refusal.done',
  reasoning: 'response.reasoning_text.done',
};

function partOf(kind: Kind, text: string, logprobs: readonly unknown[]): Record<string, unknown> {
  if (kind === 'reasoning') return { type: 'reasoning_text', text };
  return kind === 'refusal' ? refusalPart(text) : textPart(text, logprobs);
}

/** Of a chat's chunk, in the form of responses. Clients look for lists that some servers leave out. */
export function toldLogprobs(logprobs: unknown): readonly unknown[] {
  const tokens = (logprobs as { readonly content?: unknown } | null | undefined)?.content;
  if (!Array.isArray(tokens)) return NO_LOGPROBS;
  return tokens.map((token: Delta) => {
    const { bytes, top_logprobs } = token;
    return { ...token, bytes: bytes ?? [], top_logprobs: top_logprobs ?? [] };
  });
}
