import type { Caller } from '../../../domain/caller.js';
import { derivedId } from '../../../submission/idempotency/digest.js';
import type { Batch } from '../batch.state.js';
import type { BatchLines, LineProblem, LineRequest } from '../lines/batch-lines.port.js';
import { inBestOrder, MOST_BEGINNING_CHARACTERS } from '../lines/line-order.policy.js';
import { type Line, linesOf } from '../lines/lines.js';

/** Lines that are submitted together: enough to find some that begin alike, and never much memory. */
export interface WindowSize {
  readonly lines: number;
  readonly bytes: number;
}

export interface WindowLine extends LineRequest {
  readonly number: number;
  readonly messageId: string;
  readonly model: string | null;
  readonly beginning: string;
}

export interface Window {
  /** The numbers of all its lines, as the file has them. */
  readonly numbers: readonly number[];
  /** In the order in which they are best submitted. */
  readonly lines: readonly WindowLine[];
  /** Right when the batch began, and not any more: the configuration has changed. */
  readonly wrong: readonly { readonly number: number; readonly problem: LineProblem }[];
}

/** The same for the same line, whoever submits it and however often. */
export function messageIdOf({ seed }: Pick<Batch, 'seed'>, line: number): string {
  return derivedId(seed, line);
}

/** In whose name a batch is carried out. */
export function callerOf({ caller, tenant }: Pick<Batch, 'caller' | 'tenant'>): Caller {
  return { ...caller, tenant };
}

/** The lines of a batch behind its mark, a window at a time. */
export async function* windowsOf(
  content: AsyncIterable<Uint8Array>,
  batch: Batch,
  lines: BatchLines,
  most: WindowSize,
): AsyncIterable<Window> {
  let window: Line[] = [];
  let bytes = 0;
  for await (const line of linesOf(content, lines.mostBytes)) {
    if (line.number <= batch.mark.line) continue;
    const size = line.bytes?.length ?? 0;
    if (window.length >= most.lines || (window.length > 0 && bytes + size > most.bytes)) {
      yield windowOf(window, batch, lines);
      window = [];
      bytes = 0;
    }
    window.push(line);
    bytes += size;
  }
  if (window.length > 0) yield windowOf(window, batch, lines);
}

function windowOf(window: readonly Line[], batch: Batch, lines: BatchLines): Window {
  const right: WindowLine[] = [];
  const wrong: { number: number; problem: LineProblem }[] = [];
  for (const { number, bytes } of window) {
    const read = bytes === null ? TOO_LONG : lines.read(bytes, batch.endpoint, callerOf(batch));
    if ('problems' in read) wrong.push({ number, problem: read.problems[0] ?? UNREADABLE });
    else {
      const { request } = read.submission;
      const beginning = beginningOf(request);
      right.push({ ...read, number, messageId: messageIdOf(batch, number), model: request.model, beginning });
    }
  }
  return { numbers: window.map(({ number }) => number), lines: inBestOrder(right), wrong };
}

const UNREADABLE: LineProblem = { code: 'invalid_request', message: 'It is no request.', param: null };
export const TOO_LONG = {
  problems: [{ code: 'line_too_long', message: 'The line is longer than a request may be.', param: null }],
};

function beginningOf({ instructions, messages, parameters }: LineRequest['submission']['request']): string {
  const asked = messages ?? parameters['prompt'] ?? parameters['input'] ?? '';
  return JSON.stringify(instructions === undefined ? asked : [instructions, asked]).slice(
    0,
    MOST_BEGINNING_CHARACTERS,
  );
}
