import { createParser, type EventSourceParser } from 'eventsource-parser';
import type { Usage } from '../../../domain/message/message.events.js';
import type { ModelAnswer } from '../model-endpoint.port.js';
import { AnswerAssembly, MAX_ANSWER_BYTES } from './answer-assembly.js';
import { answerTooLarge, brokenStream, failedInStream, malformedAnswer } from './call-errors.js';
import { type ChatChunk, readChatChunk } from './chat-chunk.js';

const DONE = '[DONE]';

export interface ReaderOptions {
  readonly onDelta: (delta: Record<string, unknown>) => void;
  /** The endpoint's key, so that no error ever repeats it. */
  readonly key: string | null;
  /** The model that was asked for; it stands where the endpoint names none. */
  readonly model: string;
  /** Milliseconds since the call began. */
  readonly elapsedMs: () => number;
}

/**
 * Reads one answer: either fed with the bytes of an event stream, or given a whole JSON completion.
 *
 * An answer is *finished* once a `finish_reason` was seen, and *done* once `[DONE]` was: what can still come between the
 * two is the usage. A stream that ends finished but not done is whole; one that ends before is broken.
 */
export class AnswerReader {
  private readonly assembly = new AnswerAssembly();
  private readonly decoder = new TextDecoder();
  private readonly parser: EventSourceParser;
  private finishReason: string | null = null;
  private servedBy: string | null = null;
  private usage: Usage | null = null;
  private firstTokenMs: number | null = null;
  private events = 0;
  private sawDone = false;

  constructor(private readonly options: ReaderOptions) {
    this.parser = createParser({
      maxBufferSize: 2 * MAX_ANSWER_BYTES,
      onEvent: ({ event, data }) => this.onEvent(event, data),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') throw answerTooLarge(2 * MAX_ANSWER_BYTES);
      },
    });
  }

  get finished(): boolean {
    return this.finishReason !== null || this.done;
  }

  get done(): boolean {
    return this.sawDone;
  }

  /** @throws {ModelCallError} for what is no answer, or tells an error */
  feed(bytes: Uint8Array): void {
    this.parser.feed(this.decoder.decode(bytes, { stream: true }));
  }

  /** For endpoints that answer with one JSON text although a stream was asked for. @throws {ModelCallError} */
  whole(text: string): void {
    const chunk = readChatChunk(text, this.options.key);
    if (chunk.delta === null) throw malformedAnswer('no message in it');
    this.take({ ...chunk, delta: asDelta(chunk.delta), finishReason: chunk.finishReason ?? 'stop' });
  }

  /** @throws {ModelCallError} when the stream ended too early, or was none */
  result(): ModelAnswer {
    if (this.events === 0) throw malformedAnswer('no event in the stream');
    if (!this.finished) throw brokenStream();
    return {
      answer: this.assembly.answer(),
      finishReason: this.finishReason,
      model: this.servedBy ?? this.options.model,
      usage: this.usage,
      firstTokenMs: this.firstTokenMs,
    };
  }

  private onEvent(event: string | undefined, data: string): void {
    if (this.sawDone) return;
    if (data.trim() === DONE) {
      // An endpoint that says it is done without having said anything has not answered.
      this.sawDone = this.events > 0;
      return;
    }
    if (event === 'error') throw failedInStream(parsedOrText(data), this.options.key);
    this.take(readChatChunk(data, this.options.key));
  }

  private take(chunk: ChatChunk): void {
    this.events += 1;
    this.servedBy ??= chunk.model;
    this.usage = chunk.usage ?? this.usage;
    if (chunk.delta !== null && Object.keys(chunk.delta).length > 0) {
      this.firstTokenMs ??= this.options.elapsedMs();
      this.assembly.add(chunk.delta);
      this.options.onDelta(chunk.delta);
    }
    this.finishReason = chunk.finishReason ?? this.finishReason;
  }
}

/** In a delta each tool call carries its index, in a message its place says it. */
function asDelta(message: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(message.tool_calls)) return message;
  return { ...message, tool_calls: message.tool_calls.map((call, index) => ({ index, ...call })) };
}

function parsedOrText(data: string): unknown {
  try {
    const value = JSON.parse(data);
    return value?.error ?? value;
  } catch {
    return data;
  }
}
