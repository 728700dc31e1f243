import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AnswerListener } from '../../../dispatch/answers/answers.port.js';
import { UNTRACED } from '../../../domain/trace-context.policy.js';
import { aboutMessage } from '../../../platform/logging/about-message.js';
import { endSpan, enterTrace, errorType, type Span, traceOfSpan } from '../../../platform/telemetry/spans.js';
import type { SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { isFailure, RefusedError, retryAfterSeconds } from '../../../submission/refusal.js';
import type { Submission } from '../../../submission/submission.js';
import type { SubmitResult } from '../../../submission/submit-message.js';
import type { AnswerWait } from '../../../submission/waiting/answer-wait.js';
import { CompletionSignal } from '../../../submission/waiting/completion-signal.js';
import type { Batch, RefusedLines } from '../batch.state.js';
import type { BatchLines } from '../lines/batch-lines.port.js';
import { LineMarks, refusedUpTo, withRefused } from '../lines/line-marks.state.js';
import { openAiCode } from './batch-check.js';
import { callerOf, type Window, type WindowLine, windowsOf } from './line-windows.js';

const WINDOW_BYTES = 4 * 1024 * 1024;
/** Before what could not be submitted is tried again, where nobody says how long. */
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5_000;

export interface LineRunParts {
  readonly submitOnce: Pick<SubmitOnce, 'submitMany'>;
  readonly answers: AnswerListener;
  readonly answerWait: Pick<AnswerWait, 'ended'>;
  readonly lines: BatchLines;
  readonly logger: Logger;
  /** Lines that wait in the queue or run at once. */
  readonly mostInFlight: number;
}

/**
 * Carries out the lines of a batch behind its mark: a window of them is submitted when enough of those before have ended,
 * and each is waited for as a client of `/v1` waits. What is in memory is the window and a number for each line in flight.
 *
 * The ids of messages come of the lines, so whoever takes the batch over submits the same ones, and those that are there
 * are only waited for.
 */
export class LineRun {
  private readonly marks: LineMarks;
  private refused: RefusedLines[];
  private readonly inFlight = new Map<number, AbortController>();
  private wake: () => void = () => undefined;
  private signal: AbortSignal = new AbortController().signal;

  /** @param isFirst nobody has submitted any of it before */
  constructor(
    private readonly parts: LineRunParts,
    private readonly batch: Batch,
    private readonly isFirst: boolean,
  ) {
    this.marks = new LineMarks(batch.mark);
    this.refused = refusedUpTo(batch.refused, batch.mark.line);
  }

  get progress(): Pick<Batch, 'completed' | 'failed' | 'mark' | 'refused'> {
    return { ...this.marks.counts, mark: this.marks.mark, refused: this.refused };
  }

  /** Resolves true when all lines have ended; false when the signal aborts first. */
  async run(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean> {
    this.signal = signal;
    const leave = () => {
      for (const waiting of this.inFlight.values()) waiting.abort();
      this.wake();
    };
    this.signal.addEventListener('abort', leave, { once: true });
    const { mostInFlight, lines } = this.parts;
    const size = { lines: Math.max(1, Math.ceil(mostInFlight / 2)), bytes: WINDOW_BYTES };
    let before = this.batch.mark.line;
    try {
      for await (const window of windowsOf(content, this.batch, lines, size)) {
        for (const number of window.numbers) {
          this.marks.expect(number, before);
          before = number;
        }
        await this.until(
          () => this.inFlight.size + window.lines.length <= mostInFlight || this.inFlight.size === 0,
        );
        if (this.signal.aborted) return false;
        await this.submit(window);
      }
      await this.until(() => this.inFlight.size === 0);
      return !this.signal.aborted;
    } finally {
      this.signal.removeEventListener('abort', leave);
      leave();
    }
  }

  private async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private async submit({ lines, wrong }: Window): Promise<void> {
    for (const { number, problem } of wrong) this.refuse(number, problem);
    // Before they are submitted: what ends at once is heard of.
    for (const line of lines) this.await(line);
    let open: readonly WindowLine[] = lines;
    for (let isFirst = this.isFirst; open.length > 0 && !this.signal.aborted; isFirst = false) {
      const results = await this.tryToSubmit(open, !isFirst);
      const again: WindowLine[] = [];
      let waitMs = RETRY_MS;
      for (const [at, line] of open.entries()) {
        const result = results?.[at];
        if (result !== undefined && !(result instanceof RefusedError)) continue;
        if (result !== undefined && !isPassing(result)) {
          this.refuse(line.number, { code: openAiCode(result.code), message: result.message });
          continue;
        }
        again.push(line);
        const seconds = result === undefined ? null : retryAfterSeconds(result.refusal);
        waitMs = Math.max(waitMs, Math.min((seconds ?? 0) * 1_000, LONGEST_RETRY_MS));
      }
      open = again;
      if (open.length > 0) await sleep(waitMs, undefined, { signal: this.signal }).catch(() => undefined);
    }
  }

  /** Null where it is not known what became of them. */
  private async tryToSubmit(
    lines: readonly WindowLine[],
    mayBeThere: boolean,
  ): Promise<readonly SubmitResult[] | null> {
    const entered = lines.map(enteredLine);
    const identified = entered.map(({ id, submission }) => ({ id, mayBeThere, submission }));
    try {
      const results = await this.parts.submitOnce.submitMany(callerOf(this.batch), identified);
      for (const [at, { span }] of entered.entries())
        if (span !== null) endSpan(span, refusedCode(results[at]));
      return results;
    } catch (err) {
      for (const { span } of entered) if (span !== null) endSpan(span, errorType(err));
      this.parts.logger.debug({ err, batch: this.batch.id }, 'lines of a batch are not submitted yet');
      return null;
    }
  }

  /** Its end is counted when it is known. */
  private await({ number, messageId }: WindowLine): void {
    const { answers, answerWait, logger } = this.parts;
    const waiting = new AbortController();
    this.inFlight.set(number, waiting);
    const completion = new CompletionSignal(answers, messageId, waiting.signal, 0, this.isFirst);
    if (!this.isFirst) completion.doubt();
    answerWait.ended(completion).then(
      (end) => {
        if (end !== null) this.over(number, end.type === 'llmq.message.completed.v1');
      },
      (err: unknown) => {
        // It was erased meanwhile.
        logger.debug({ err, ...aboutMessage(messageId) }, 'a line of a batch has no end to be read any more');
        this.over(number, false);
      },
    );
  }

  private refuse(number: number, why: Pick<RefusedLines, 'code' | 'message'>): void {
    this.refused = withRefused(this.refused, number, why);
    this.inFlight.get(number)?.abort();
    this.over(number, false);
  }

  private over(number: number, isCompleted: boolean): void {
    this.inFlight.get(number)?.abort();
    this.inFlight.delete(number);
    this.marks.end(number, isCompleted);
    this.wake();
  }
}

/** It may be accepted later: the lane is full, the log away. */
function isPassing({ refusal }: RefusedError): boolean {
  return isFailure(refusal) && refusal.code !== 'event_too_large';
}

interface EnteredLine {
  readonly id: string;
  readonly submission: Submission;
  readonly span: Span | null;
}

/** A line is a message like any other: a trace of all of them would be too long for anybody to read. */
function enteredLine({ messageId: id, submission }: WindowLine): EnteredLine {
  const span = enterTrace('batch line', UNTRACED);
  if (span === null) return { id, submission, span };
  span.setAttribute('llmq.message.id', id);
  return { id, submission: { ...submission, trace: traceOfSpan(span) }, span };
}

function refusedCode(result: SubmitResult | undefined): string | null {
  return result instanceof RefusedError ? result.code : null;
}
