import { setTimeout as sleep } from 'node:timers/promises';
import {
  isTerminal,
  type MessageReceived,
  type TerminalEvent,
} from '../../../domain/message/message.events.js';
import type { MessageState, MessageStatus } from '../../../domain/message/message.state.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { jsonLine } from '../../../platform/json/json-line.js';
import { ProjectionBehindError } from '../../../projection/read/projection-behind.error.js';
import type { MessageLookup } from '../../../submission/message-lookup.js';
import { RefusedError } from '../../../submission/refusal.js';
import { acceptedOf } from '../../../submission/submit-message.js';
import type { Batch } from '../batch.state.js';
import type { Files } from '../files/files.js';
import type { BatchLines } from '../lines/batch-lines.port.js';
import type { LineAnswer } from '../lines/line-answer.state.js';
import { refusalOfLine } from '../lines/line-marks.state.js';
import { linesOf } from '../lines/lines.js';
import { endedWithBatch, resultLine } from '../lines/result-line.policy.js';
import { messageIdOf } from './line-windows.js';

const PAGE_LINES = 200;
/** Events that are read from the log at once. */
const READ_AT_ONCE = 32;
const RETRY_MS = 500;

export interface LineEndsParts {
  readonly files: Pick<Files, 'content'>;
  readonly lookup: Pick<MessageLookup, 'stored'>;
  readonly log: Pick<EventLog, 'get' | 'lastSequence'>;
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

export interface LineEndsChoices {
  /**
   * What is told of a line that has no end; null where it is passed over.
   *
   * @param isAlive its message is there, and runs or waits
   */
  readonly unended: (isAlive: boolean) => LineAnswer | null;
  /** Which ends are of use, by the message's status. The others are not read from the log. */
  readonly isWanted?: (status: MessageStatus) => boolean;
  /** While the projection is behind. */
  readonly longestPauseMs: number;
}

/**
 * What the lines of a batch came to, in the order of its input: for each the terminal event that counts, which is in the
 * log, so that a line has one result whoever reads it and however often, unless its message is requeued in between.
 */
export class LineEnds {
  constructor(
    private readonly parts: LineEndsParts,
    private readonly batch: Batch,
    private readonly signal: AbortSignal,
    private readonly choices: LineEndsChoices,
  ) {}

  /**
   * Some lines at a time.
   *
   * @throws the reason of the signal
   * @throws {ProjectionBehindError} after the longest pause
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
    const untilMs = performance.now() + this.choices.longestPauseMs;
    for (;;) {
      this.signal.throwIfAborted();
      try {
        return await this.parts.lookup.stored(ids);
      } catch (error) {
        // The projection is behind.
        if (!(error instanceof RefusedError)) throw error;
        if (performance.now() >= untilMs)
          throw new ProjectionBehindError(await this.parts.log.lastSequence());
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
    const { unended, isWanted } = this.choices;
    const isPassedOver = state !== undefined && isWanted?.(state.status) === false;
    if (isPassedOver) return null;
    const event = state?.terminalSequence == null ? null : await this.terminal(state.terminalSequence);
    if (state === undefined || event === null) {
      const answer = unended(state !== undefined && state.terminalSequence === null);
      return answer && { line, answer, event: null };
    }
    const answer = endedWithBatch(event, this.batch) ?? (await this.answer(state, event));
    return { line, answer, event };
  }

  private async answer(state: MessageState, event: TerminalEvent): Promise<LineAnswer> {
    const { lines } = this.parts;
    const { endpoint } = this.batch;
    const received = lines.repeatsRequest(endpoint) ? await this.received(state.receivedSequence) : null;
    return lines.answer(endpoint, acceptedOf(state), event, received);
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
