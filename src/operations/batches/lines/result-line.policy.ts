import type { Batch } from '../batch.state.js';
import type { LineAnswer } from './line-answer.state.js';

/** A line of a file of results. */
export interface ResultLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: object;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Whether it belongs to the file of results, or to that of errors. */
export function isResult(answer: LineAnswer): boolean {
  return answer.kind === 'response' && answer.statusCode === 200;
}

export function resultLine(messageId: string, customId: string, answer: LineAnswer): ResultLine {
  const named = { id: `batch_req_${messageId.replaceAll('-', '')}`, custom_id: customId };
  if (answer.kind === 'error') {
    return { ...named, response: null, error: { code: answer.code, message: answer.message } };
  }
  const { statusCode, body } = answer;
  return { ...named, response: { status_code: statusCode, request_id: messageId, body }, error: null };
}

/**
 * What is told of a line that has no answer, by the end of its batch.
 *
 * @param isAlive its message had ended when the batch did, and was requeued since
 */
export function unaskedLine(
  { ending, expiresAtMs }: Pick<Batch, 'ending' | 'expiresAtMs'>,
  isAlive = false,
): LineAnswer {
  if (ending === 'cancelled') {
    return {
      kind: 'error',
      code: 'batch_cancelled',
      message: 'The batch was cancelled before this line was asked for.',
    };
  }
  if (ending === 'expired') {
    const until = new Date(expiresAtMs).toISOString();
    const message = `The line could not be answered before the batch expired, at ${until}.`;
    return { kind: 'error', code: 'batch_expired', message };
  }
  if (isAlive) {
    const message = 'The message of the line was requeued, and had not ended again with its batch.';
    return { kind: 'error', code: 'requeued', message };
  }
  return { kind: 'error', code: 'not_found', message: 'The message of the line is not there any more.' };
}
