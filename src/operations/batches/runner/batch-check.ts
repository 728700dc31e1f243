import { setImmediate as othersServed } from 'node:timers/promises';
import type { SubmitMessage } from '../../../submission/submit-message.js';
import type { Batch, BatchError } from '../batch.state.js';
import type { BatchLines, LineProblem } from '../lines/batch-lines.port.js';
import { linesOf } from '../lines/lines.js';
import { callerOf, TOO_LONG } from './line-windows.js';

/** More help nobody, and a batch is one small record. */
const MOST_ERRORS = 50;
/** Between so many lines others are served. */
const LINES_AT_ONCE = 20;

export type BatchCheck =
  | { readonly errors: readonly BatchError[] }
  | { readonly total: number; readonly lastLine: number; readonly model: string | null };

/** A refusal in words that OpenAI has for it. */
const CODES: Readonly<Record<string, string>> = {
  unknown_model: 'model_not_found',
  content_too_large: 'context_length_exceeded',
};

export function openAiCode(code: string): string {
  return CODES[code] ?? code;
}

/**
 * Whether each line of a batch can be carried out. Their names are kept meanwhile, and nothing else of them.
 *
 * @throws what the content throws
 * @throws the reason of the signal
 */
export async function checkBatch(
  content: AsyncIterable<Uint8Array>,
  batch: Batch,
  { lines, submit, mostLines }: Checks,
  signal: AbortSignal,
): Promise<BatchCheck> {
  const caller = callerOf(batch);
  const firstLines = new Map<string, number>();
  const models = new Set<string | null>();
  const errors: BatchError[] = [];
  let total = 0;
  let lastLine = 0;
  for await (const { number, bytes } of linesOf(content, lines.mostBytes)) {
    const wrong = (problem: LineProblem) => errors.push({ ...problem, line: number });
    total += 1;
    lastLine = number;
    if (total % LINES_AT_ONCE === 0) {
      await othersServed();
      signal.throwIfAborted();
    }
    if (total > mostLines) return { errors: [...errors, tooMany(mostLines)] };
    const read = bytes === null ? TOO_LONG : lines.read(bytes, batch.endpoint, caller);
    if ('problems' in read) read.problems.forEach(wrong);
    else {
      const first = firstLines.get(read.customId);
      if (first !== undefined) wrong(taken(read.customId, first));
      firstLines.set(read.customId, number);
      models.add(read.submission.request.model);
      const refusal = submit.refusalAtSight(read.submission);
      if (refusal !== null)
        wrong({ code: openAiCode(refusal.code), message: refusal.message, param: 'body' });
    }
    if (errors.length >= MOST_ERRORS) return { errors };
  }
  if (total === 0) return { errors: [EMPTY] };
  if (errors.length > 0) return { errors };
  return { total, lastLine, model: models.size === 1 ? [...models][0]! : null };
}

export interface Checks {
  readonly lines: BatchLines;
  readonly submit: Pick<SubmitMessage, 'refusalAtSight'>;
  readonly mostLines: number;
}

const EMPTY: BatchError = { code: 'empty_file', message: 'The file has no line.', param: null, line: null };

function tooMany(most: number): BatchError {
  const message = `The file has more than ${most} lines, which is the most (batches.max_lines).`;
  return { code: 'too_many_lines', message, param: null, line: null };
}

function taken(customId: string, first: number): LineProblem {
  const message = `The custom_id ${JSON.stringify(customId.slice(0, 100))} is that of line ${first}, too.`;
  return { code: 'duplicate_custom_id', message, param: 'custom_id' };
}
