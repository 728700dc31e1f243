import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type TerminalEvent } from '../../../domain/message/message.events.js';
import type { MessageState } from '../../../domain/message/message.state.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { jsonLine } from '../../../platform/json/json-line.js';
import type { MessageLookup } from '../../../submission/message-lookup.js';
import { RefusedError } from '../../../submission/refusal.js';
import { acceptedOf } from '../../../submission/submit-message.js';
import type { Batch, Results } from '../batch.state.js';
import type { Files } from '../files/files.js';
import type { BatchLines } from '../lines/batch-lines.port.js';
import { NO_USAGE, withUsageOf } from '../lines/batch-usage.state.js';
import type { LineAnswer } from '../lines/line-answer.state.js';
import { refusalOfLine } from '../lines/line-marks.state.js';
import { linesOf } from '../lines/lines.js';
import { isResult, resultLine, unaskedLine } from '../lines/result-line.policy.js';
import { messageIdOf } from './line-windows.js';

const PAGE_LINES = 200;
/** Events that are read from the log at once. */
const READ_AT_ONCE = 32;
const RETRY_MS = 500;
/** What is written of a file and has no name after an hour is swept: sooner than that it is begun anew. */
const LONGEST_PAUSE_MS = 20 * 60_000;

export interface BatchResultsParts {
  readonly files: Pick<Files, 'content' | 'receiveAs' | 'keep'>;
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
interface LineEnd {
  readonly line: NamedLine;
  readonly answer: LineAnswer;
  readonly event: TerminalEvent | null;
}

/**
 * Writes the results of a batch whose lines have all ended, from the log: for each line its message's first terminal
 * event, so that a line has one result whoever writes it and however often. Files get the same ids each time; what a
 * process that died has written of one is replaced.
 */
export class BatchResults {
  private usage = NO_USAGE;
  private completed = 0;
  private failed = 0;
  /** Lines of the file of errors. */
  private readonly errors = new Set<number>();

  constructor(
    private readonly parts: BatchResultsParts,
    private readonly batch: Batch,
    private readonly signal: AbortSignal,
  ) {}

  /** @throws the reason of the signal */
  async write(): Promise<Results> {
    if (this.batch.lastLine === 0) return this.results(null, null);
    const outputFileId = await this.writeFile(
      'output',
      this.answers(() => true, true),
    );
    const errorFileId =
      this.errors.size === 0
        ? null
        : await this.writeFile(
            'error',
            this.answers((number) => this.errors.has(number), false),
          );
    return this.results(outputFileId, errorFileId);
  }

  private results(outputFileId: string | null, errorFileId: string | null): Results {
    const { completed, failed } = this;
    return { completed, failed, outputFileId, errorFileId, usage: completed === 0 ? null : this.usage };
  }

  /** Null where there is nothing to write. */
  private async writeFile(kind: 'output' | 'error', content: AsyncIterable<Buffer>): Promise<string | null> {
    const { files } = this.parts;
    const { id: batchId, tenant, seed, outputExpiresAfterS: expiresAfterS } = this.batch;
    const parts = content[Symbol.asyncIterator]();
    const first = await parts.next();
    if (first.done === true) return null;
    const id = `file-${seed.replaceAll('-', '')}${kind}`;
    const received = await files.receiveAs(id, behind(first.value, parts));
    const name = `${batchId}_${kind}.jsonl`;
    await files.keep(tenant, received, { name, purpose: 'batch_output', expiresAfterS });
    return id;
  }

  /** The lines of one of the files. The first reading counts, and finds out which lines are errors. */
  private async *answers(isWanted: (line: number) => boolean, isFirst: boolean): AsyncIterable<Buffer> {
    for await (const page of this.pages(isWanted)) {
      const states = await this.states(page);
      for (let from = 0; from < page.length; from += READ_AT_ONCE) {
        this.signal.throwIfAborted();
        const some = page.slice(from, from + READ_AT_ONCE);
        const ends = await Promise.all(some.map((line) => this.endOf(line, states)));
        if (isFirst) for (const end of ends) this.count(end);
        // In the file of errors, all that the first reading has left to it, also what was requeued and answered since.
        const told = isFirst ? ends.filter(({ answer }) => isResult(answer)) : ends;
        if (told.length > 0) yield Buffer.from(told.map((end) => this.told(end)).join(''));
      }
    }
    // With the end of the content the file is replaced, which may be another holder's by now.
    this.signal.throwIfAborted();
  }

  private count({ line, answer, event }: LineEnd): void {
    if (isResult(answer)) this.completed += 1;
    else {
      this.failed += 1;
      this.errors.add(line.number);
    }
    if (event?.type === 'llmq.message.completed.v1') this.usage = withUsageOf(this.usage, event.data);
  }

  private told({ line: { number, customId }, answer }: LineEnd): string {
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

  private async endOf(line: NamedLine, states: ReadonlyMap<string, MessageState>): Promise<LineEnd> {
    const refusal = refusalOfLine(this.batch.refused, line.number);
    if (refusal !== null) {
      const { code, message } = refusal;
      return { line, answer: { kind: 'error', code, message }, event: null };
    }
    const state = states.get(messageIdOf(this.batch, line.number));
    const event = state?.terminalSequence == null ? null : await this.terminal(state.terminalSequence);
    if (state === undefined || event === null) {
      const isAlive = state !== undefined && state.terminalSequence === null;
      return { line, answer: unaskedLine(this.batch, isAlive), event: null };
    }
    const answer = this.parts.lines.answer(this.batch.endpoint, acceptedOf(state), event);
    return { line, answer: this.byItsBatch(answer, event), event };
  }

  /** What the batch itself has ended is told so. */
  private byItsBatch(answer: LineAnswer, { type }: TerminalEvent): LineAnswer {
    const { ending } = this.batch;
    const isEnded = type === 'llmq.message.cancelled.v1' || type === 'llmq.message.expired.v1';
    return isEnded && ending !== 'completed' ? unaskedLine(this.batch) : answer;
  }

  private async terminal(sequence: number): Promise<TerminalEvent | null> {
    const event = (await this.parts.log.get(sequence))?.event;
    return event !== undefined && isTerminal(event) ? event : null;
  }
}

async function* behind(first: Buffer, rest: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
