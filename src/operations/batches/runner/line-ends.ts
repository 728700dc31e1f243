import { setTimeout as sleep } from 'node:timers/promises';
import {
  isTerminal,
  type MessageReceived,
  type TerminalEvent,
} from '../../../domain/message/message.events.js';
import type { MessageState } from '../../../domain/message/message.state.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { jsonLine } from '../../../platform/json/json-line.js';
import type { MessageLookup } from '../../../submission/message-lookup.js';
import { RefusedError } from '../../../submission/refusal.js';
import { acceptedOf } from '../../../submission/submit-message.js';
import type { Batch } from '../batch.state.js';
import type { Files } from '../files/files.js';
import type { BatchLines } from '../lines/batch-lines.port.js';
import type { LineAnswer } from '../lines/line-answer.state.js';
import { refusalOfLine } from '../lines/line-marks.state.js';
import { linesOf } from '../lines/lines.js';
import { resultLine, unaskedLine } from '../lines/result-line.policy.js';
import { messageIdOf } from './line-windows.js';

const PAGE_LINES = 200;
/** Events that are read from the log at once. */
const READ_AT_ONCE = 32;
const RETRY_MS = 500;
/** What is written of a file and has no name after an hour is swept: sooner than that it is begun anew. */
const LONGEST_PAUSE_MS = 20 * 60_000;

export interface LineEndsParts {
  readonly files: Pick<Files, 'content'>;
  readonly lookup: Pick<MessageLookup, 'stored'>;
  readonly log: Pick<EventLog, 'get'>;
  readonly lines: BatchLines;
}

/** A line without its request, which may be megabytes: of a page of lines only this is in memory. */
interface NamedLine {
  readonly number: number;
  readonly customId: string;
}

/** What one line came to. */
export interface LineEnd {
  readonly line: NamedLine;
  readonly answer: LineAnswer;
  readonly event: TerminalEvent | null;
}

/**
 * What the lines of a batch came to, in the order of its input: for each its message's first terminal event, which is in
 * the log, so that a line has one result whoever reads it and however often.
 */
export class LineEnds {
  /**
   * @param unended what is told of a line that has no end; null where it is passed over.
   *   `isAlive`: its message is there, and runs or waits
   */
  constructor(
    private readonly parts: LineEndsParts,
    private readonly batch: Batch,
    private readonly signal: AbortSignal,
    private readonly unended: (isAlive: boolean) => LineAnswer | null,
  ) {}

  /**
   * Some lines at a time.
   *
   * @throws the reason of the signal
   * @throws what reading the input, the tables and the log throws
   */
  async *read(isWanted: (line: number) => boolean): AsyncIterable<LineEnd[]> {
    for await (const page of this.pages(isWanted)) {
      const states = await this.states(page);
      for (let from = 0; from < page.length; from += READ_AT_ONCE) {
        this.signal.throwIfAborted();
        const some = page.slice(from, from + READ_AT_ONCE);
        const ends = await Promise.all(some.map((line) => this.endOf(line, states)));
        yield ends.filter((end) => end !== null);
      }
    }
  }

  /** As a line of a file of results. */
  told({ line: { number, customId }, answer }: LineEnd): string {
    return `${jsonLine(resultLine(messageIdOf(this.batch, number), customId, answer))}\n`;
  }

  private async *pages(isWanted: (line: number) => boolean): AsyncIterable<NamedLine[]> {
    const { files, lines } = this.parts;
    let page: NamedLine[] = [];
    const content = files.content({ id: this.batch.inputFileId });
    for await (const { number, bytes } of linesOf(content, lines.mostBytes)) {
      if (!isWanted(number)) continue;
      page.push({ number, customId: bytes === null ? '' : lines.customIdOf(bytes) });
      if (page.length < PAGE_LINES) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  private async states(page: readonly NamedLine[]): Promise<ReadonlyMap<string, MessageState>> {
    const ids = page.map(({ number }) => messageIdOf(this.batch, number));
    const untilMs = performance.now() + LONGEST_PAUSE_MS;
    for (;;) {
      this.signal.throwIfAborted();
      try {
        return await this.parts.lookup.stored(ids);
      } catch (error) {
        // The projection is behind.
        if (!(error instanceof RefusedError) || performance.now() >= untilMs) throw error;
        await sleep(RETRY_MS, undefined, { signal: this.signal });
      }
    }
  }

  private async endOf(line: NamedLine, states: ReadonlyMap<string, MessageState>): Promise<LineEnd | null> {
    const refusal = refusalOfLine(this.batch.refused, line.number);
    if (refusal !== null) {
      const { code, message } = refusal;
      return { line, answer: { kind: 'error', code, message }, event: null };
    }
    const state = states.get(messageIdOf(this.batch, line.number));
    const event = state?.terminalSequence == null ? null : await this.terminal(state.terminalSequence);
    if (state === undefined || event === null) {
      const answer = this.unended(state !== undefined && state.terminalSequence === null);
      return answer && { line, answer, event: null };
    }
    return { line, answer: this.byItsBatch(await this.answer(state, event), event), event };
  }

  private async answer(state: MessageState, event: TerminalEvent): Promise<LineAnswer> {
    const { lines } = this.parts;
    const { endpoint } = this.batch;
    const received = lines.repeatsRequest(endpoint) ? await this.received(state.receivedSequence) : null;
    return lines.answer(endpoint, acceptedOf(state), event, received);
  }

  /** What the batch itself has ended is told so. */
  private byItsBatch(answer: LineAnswer, { type }: TerminalEvent): LineAnswer {
    const { ending } = this.batch;
    const isEnded = type === 'llmq.message.cancelled.v1' || type === 'llmq.message.expired.v1';
    return isEnded && ending !== null && ending !== 'completed' ? unaskedLine(this.batch) : answer;
  }

  private async terminal(sequence: number): Promise<TerminalEvent | null> {
    const event = (await this.parts.log.get(sequence))?.event;
    return event !== undefined && isTerminal(event) ? event : null;
  }

  private async received(sequence: number): Promise<MessageReceived | null> {
    const event = (await this.parts.log.get(sequence))?.event;
    return event?.type === 'llmq.message.received.v1' ? event : null;
  }
}
