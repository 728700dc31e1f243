import { createParser, type EventSourceParser } from 'eventsource-parser';
import type { Usage } from '../../../domain/message/message.events.js';
import { type ModelAnswer, ModelCallError } from '../model-endpoint.port.js';
import { AnswerAssembly } from './answer-assembly.js';
import {
  isCostlyJson,
  isTooDeep,
  MAX_CHOICES,
  MAX_EVENTS,
  MAX_JSON_LENGTH,
  MAX_MODEL_LENGTH,
  MAX_READING_MS,
  MAX_STREAM_BYTES,
} from './answer-bounds.js';
import {
  answerTooDeep,
  answerTooLarge,
  brokenStream,
  failedInAnswer,
  malformedAnswer,
} from './call-errors.js';
import { ChoiceReader } from './choice-reader.js';
import type { EndpointWords } from './endpoint-words.js';
import { finishReason } from './finish-reason.policy.js';
import type { ResponseChunks } from './responses/response-chunks.policy.js';
import { TextOfBytes } from './text-of-bytes.js';
import { errorIn, toldError } from './told-error.policy.js';
import { readUsage } from './usage.policy.js';

type Fields = Record<string, unknown>;

const DONE = '[DONE]';
/** Bytes that come at once. */
const LITTLE = 1_024;
const PING = /^(ping|heartbeat|keep-?alive)$/i;

/** What of an event is read, or is its frame; the rest is handed on as it came last. `obfuscation` is noise on purpose. */
const READ: ReadonlySet<string> = new Set([
  ...['id', 'object', 'created', 'model', 'choices', 'usage', 'error', 'service_tier', 'obfuscation', 'type'],
]);

export interface ReaderOptions {
  readonly onDelta: (delta: Record<string, unknown>) => void;
  /** Something of the answer has come: a piece, a part of a text of JSON, or, behind a piece, an event of Responses. */
  readonly onProgress?: () => void;
  /** Something was not as it should be, and is survived. */
  readonly onOddity?: (what: string) => void;
  readonly words: EndpointWords;
  /** The model that was asked for; it stands where the endpoint names none. */
  readonly model: string;
  /** How many choices were asked for. */
  readonly choices?: number;
  /** Unique to the message. */
  readonly seed?: string;
  /** Makes chunks of what comes; absent where chunks come. */
  readonly chunks?: ResponseChunks | undefined;
  /** Milliseconds since the call began. */
  readonly elapsedMs: () => number;
}

/**
 * Reads one answer, in whatever form it comes: server-sent events or one text of JSON, told apart by the first bytes.
 * From each event it makes pieces of one form, hands them on and joins them into the answer, so that both say the same.
 *
 * An answer is *finished* once each of its choices has a finish reason, and *done* once `[DONE]` was seen: what can still
 * come between the two is the usage. A stream that ends finished but not done is whole; one that ends before is broken.
 * A finish reason that is followed by more of its choice means nothing.
 *
 * All that it holds and does is bounded: bytes, events, entries, depth and time.
 */
export class AnswerReader {
  private readonly assembly = new AnswerAssembly();
  private readonly text = new TextOfBytes();
  private readonly parser: EventSourceParser;
  private readonly choices = new Map<number, ChoiceReader>();
  private readonly extra = new Map<string, unknown>();
  private form: 'unknown' | 'events' | 'json' = 'unknown';
  private json: string[] = [];
  private jsonLength = 0;
  private servedBy: string | null = null;
  private usage: Usage | null = null;
  private data: Fields | null = null;
  private firstTokenMs: number | null = null;
  private events = 0;
  /** Events that said something of an answer. */
  private telling = 0;
  private malformed: ModelCallError | null = null;
  /** Lines that no stream of events has. */
  private oddLines = false;
  private sawDone = false;
  private unfinished = 0;
  private bytes = 0;
  private readingMs = 0;
  /** The first choice has the fields that vLLM gives to each. */
  looksLikeVllm = false;

  constructor(private readonly options: ReaderOptions) {
    this.parser = createParser({
      maxBufferSize: MAX_JSON_LENGTH,
      onEvent: ({ event, data }) => this.onEvent(event, data),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded')
          throw answerTooLarge(`has an event of more than ${MAX_JSON_LENGTH} characters`);
        if (type === 'unknown-field') this.oddLines = true;
      },
    });
  }

  get done(): boolean {
    return this.sawDone;
  }

  /** Nothing but the usage is expected any more. */
  get finished(): boolean {
    return (
      this.sawDone ||
      (this.hasEnded && this.choices.size >= (this.options.choices ?? 1) && !this.contradicted)
    );
  }

  /** The endpoint said nothing, and no reason for it: a whole answer may tell more. */
  get isEmpty(): boolean {
    if (this.form === 'json' || this.oddLines || this.malformed !== null || this.firstTokenMs !== null)
      return false;
    return [...this.choices.values()].every(({ finish }) => finish === null);
  }

  /** @throws {ModelCallError} for what is no answer, or tells an error */
  feed(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.bytes > MAX_STREAM_BYTES) throw answerTooLarge(`came in more than ${MAX_STREAM_BYTES} bytes`);
    // What little comes at once costs little, and there is much of it: the number of events bounds it.
    const isLittle = bytes.length < LITTLE && this.jsonLength === 0;
    const startedMs = isLittle ? null : performance.now();
    this.read(this.text.of(bytes));
    if (startedMs !== null) this.spent(startedMs);
  }

  /** The body has ended. @throws {ModelCallError} */
  end(): void {
    const startedMs = performance.now();
    this.read(this.text.end());
    if (this.form === 'json') this.takeWhole(this.json.join(''));
    // Some end the last event with the body.
    else if (this.form === 'events') this.parser.feed('\n\n');
    this.spent(startedMs);
  }

  /**
   * @param brokenOff the connection ended, rather than the answer
   * @throws {ModelCallError} when the stream ended too early, or was none
   */
  result(brokenOff = false, cause: unknown = null): ModelAnswer {
    const ended = brokenOff ? this.finished : this.sawDone || this.hasEnded;
    if (!ended && this.malformed !== null) throw this.malformed;
    if (!ended && (this.telling > 0 || brokenOff)) throw brokenStream(cause);
    if (this.telling === 0) throw this.malformed ?? malformedAnswer('no event in the stream');
    return this.answer();
  }

  private answer(): ModelAnswer {
    for (const { index, emptyContent } of this.choices.values()) {
      if (emptyContent) this.assembly.add({ content: '', index });
    }
    const readers = [...this.choices.values()].sort((one, other) => one.index - other.index);
    const { answer, choices } = this.assembly.answer(readers.map(endingOf));
    const extra = Object.fromEntries(this.extra);
    if (choices.length > 0) extra['choices'] = choices;
    return {
      answer: this.data === null ? answer : { content: null, ...this.data },
      finishReason: finishOf(this.choices.get(0)),
      model: this.servedBy ?? this.options.model,
      usage: this.usage,
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
      firstTokenMs: this.firstTokenMs,
    };
  }

  /** Every choice that was seen has a finish reason. */
  private get hasEnded(): boolean {
    return this.choices.size > 0 && this.unfinished === 0;
  }

  private get contradicted(): boolean {
    for (const choice of this.choices.values()) if (choice.contradicted) return true;
    return false;
  }

  private read(text: string): void {
    if (this.form === 'unknown') this.form = formOf(text);
    if (this.form === 'events') this.parser.feed(text);
    else if (this.form === 'json') this.collect(text);
  }

  private collect(text: string): void {
    this.jsonLength += text.length;
    if (this.jsonLength > MAX_JSON_LENGTH)
      throw answerTooLarge(`is larger than ${MAX_JSON_LENGTH} characters`);
    this.json.push(text);
    this.options.onProgress?.();
  }

  private onEvent(event: string | undefined, data: string): void {
    this.events += 1;
    if (this.events > MAX_EVENTS) throw answerTooLarge(`has more than ${MAX_EVENTS} events`);
    if (this.sawDone || data === '') return;
    if (data.startsWith(DONE) && data.trim() === DONE) {
      this.sawDone = true;
      return;
    }
    if (event !== undefined && PING.test(event)) {
      if (event === 'keepalive' && this.options.chunks !== undefined) this.goesOn();
      return;
    }
    const value = this.parsed(data);
    if (event === 'error') throw this.failed(value === undefined ? data : value);
    if (value === undefined) this.survive(malformedAnswer('an event is not JSON'));
    else if (typeof value === 'object' && value !== null) this.takeEvent(value as Fields);
  }

  private takeEvent(value: Fields): void {
    const { chunks } = this.options;
    const chunk = chunks === undefined ? value : chunks.chunkOf(value);
    if (chunk !== value) this.goesOn();
    if (chunk !== null) this.take(chunk, false);
    if (chunks?.ended === true) this.sawDone = true;
  }

  /** Responses tell of work that gives no words, for minutes. In place of a first word it counts for nothing. */
  private goesOn(): void {
    if (this.begun) this.options.onProgress?.();
  }

  /** A malformed event alone may be an accident of a proxy; whether the answer is whole without it shows at its end. */
  private survive(malformed: ModelCallError): void {
    if (this.malformed !== null) throw malformed;
    this.malformed = malformed;
    this.options.onOddity?.('an event of the answer was not JSON and is left out');
  }

  /** Undefined for what is not JSON. */
  private parsed(text: string): unknown {
    if (isCostlyJson(text)) throw answerTooLarge('has too many parts, or nests too deeply');
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  private takeWhole(text: string): void {
    const value = this.parsed(text);
    if (typeof value !== 'object' || value === null) throw malformedAnswer('not JSON');
    this.take(this.options.chunks?.whole(value as Fields) ?? (value as Fields), true);
    if (this.telling === 0) throw malformedAnswer('no answer in it');
    for (const choice of this.choices.values()) this.finishWhole(choice);
    this.sawDone = true;
  }

  private finishWhole(choice: ChoiceReader): void {
    if (choice.finish !== null) return;
    choice.finish = choice.callsTools ? 'tool_calls' : 'stop';
    this.unfinished -= 1;
  }

  /** One event of a stream, or a whole completion. */
  private take(value: Fields, whole: boolean): void {
    const { choices, usage, error } = value;
    if (!Array.isArray(choices) || (error !== undefined && error !== null)) this.refuseError(value, whole);
    if (this.servedBy === null) this.takeModel(value['model']);
    if (usage !== undefined && usage !== null) this.takeUsage(usage);
    this.keepOthers(value);
    if (!Array.isArray(choices)) {
      if (whole && Array.isArray(value['data'])) this.takeData(value);
      return;
    }
    if (choices.length > MAX_CHOICES) throw answerTooLarge(`has more than ${MAX_CHOICES} choices`);
    for (let place = 0; place < choices.length; place += 1) {
      const choice: unknown = choices[place];
      if (isObject(choice)) this.takeChoice(choice, place, whole);
    }
  }

  /** @throws {ModelCallError} where the event tells an error */
  private refuseError(value: Fields, whole: boolean): void {
    const error = toldError(value, whole);
    if (error !== null) throw failedInAnswer(error, this.options.words, this.begun);
  }

  private takeModel(model: unknown): void {
    if (typeof model === 'string' && model !== '') this.servedBy = model.slice(0, MAX_MODEL_LENGTH);
  }

  private takeChoice(choice: Fields, place: number, whole: boolean): void {
    const { finish_reason, usage } = choice;
    const reason = finish_reason === null ? null : finishReason(finish_reason);
    if (isObject(choice['error']) || reason === 'error')
      throw this.failed(choice['error'] ?? 'no reason given');
    if (whole && !hasMessage(choice)) return;
    if (this.telling === 0) this.looksLikeVllm = 'stop_reason' in choice || 'token_ids' in choice;
    this.telling += 1;
    const reader = this.choiceAt(choice['index'] ?? place);
    const piece = reader.take(choice, whole);
    if (piece !== null) this.tell(piece);
    if (reason !== null && reader.finish === null) this.unfinished -= 1;
    if (reason !== null) reader.finish = reason;
    if (usage !== undefined) this.takeUsage(usage);
    const changed = reader.keepOthers(choice);
    for (const name of changed ?? []) this.keepsAside(`${reader.index}/${name}`, reader.others.get(name));
  }

  private tell(piece: Fields): void {
    this.firstTokenMs ??= this.options.elapsedMs();
    this.assembly.add(piece);
    this.options.onProgress?.();
    this.options.onDelta(piece);
  }

  private choiceAt(index: unknown): ChoiceReader {
    const number = Number(index);
    if (!Number.isInteger(number) || number < 0 || number >= MAX_CHOICES) {
      throw malformedAnswer('a choice has no number that a choice can have');
    }
    let reader = this.choices.get(number);
    if (reader === undefined) {
      reader = new ChoiceReader(number, this.options.seed ?? '');
      this.choices.set(number, reader);
      this.unfinished += 1;
    }
    return reader;
  }

  /** What embeddings are answered with: a list that is nobody's message. */
  private takeData({ object = 'list', data }: Fields): void {
    if (isTooDeep(data)) throw answerTooDeep();
    this.telling += 1;
    this.firstTokenMs ??= this.options.elapsedMs();
    this.assembly.keepsAside('data', this.jsonLength);
    this.data = { object, data };
  }

  private takeUsage(value: unknown): void {
    this.usage = readUsage(value) ?? this.usage;
  }

  /** Fields that the protocol doesn't know, or that only some servers have. */
  private keepOthers(value: Fields): void {
    for (const name in value) {
      const other = value[name];
      if (other === null || READ.has(name) || other === undefined || this.extra.get(name) === other) continue;
      if (name === 'data' && Array.isArray(other)) continue;
      if (name === 'x_groq' && isObject(other)) this.takeUsage(other['usage']);
      if (isTooDeep(other)) throw answerTooDeep();
      this.keepsAside(name, other);
      this.extra.set(name, other);
    }
  }

  private keepsAside(name: string, value: unknown): void {
    const units =
      typeof value === 'string' ? value.length : typeof value === 'object' ? JSON.stringify(value).length : 8;
    this.assembly.keepsAside(name, units + name.length);
  }

  private failed(told: unknown): ModelCallError {
    return failedInAnswer(errorIn(told), this.options.words, this.begun);
  }

  private get begun(): boolean {
    return this.firstTokenMs !== null;
  }

  private spent(startedMs: number): void {
    this.readingMs += performance.now() - startedMs;
    if (this.readingMs > MAX_READING_MS) {
      throw answerTooLarge(`took more than ${MAX_READING_MS} ms to be read`);
    }
  }
}

/** By the first character that is not white space; a text of JSON may come behind blank lines that keep its connection open. */
function formOf(text: string): 'unknown' | 'events' | 'json' {
  const first = /\S/.exec(text)?.[0];
  if (first === undefined) return 'unknown';
  return first === '{' || first === '[' ? 'json' : 'events';
}

function endingOf(choice: ChoiceReader): Fields & { index: number } {
  const { index, others } = choice;
  return {
    index,
    ...(index === 0 ? {} : { finish_reason: finishOf(choice) ?? 'stop' }),
    ...Object.fromEntries(others),
  };
}

/** Null where the endpoint said none, and nothing tells. */
function finishOf(choice: ChoiceReader | undefined): string | null {
  if (choice === undefined) return null;
  return choice.finish ?? (choice.callsTools ? 'tool_calls' : null);
}

function hasMessage({ message, delta, text }: Fields): boolean {
  return isObject(message) || isObject(delta) || typeof text === 'string';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
