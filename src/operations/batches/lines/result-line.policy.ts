import type { TerminalEvent } from '../../../domain/message/message.events.js';
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

/** Why a batch cancels messages of its lines. The log keeps it, so that the end of a line is told by the line's own event. */
export const WITH_BATCH = {
  cancelled: 'its batch was cancelled',
  expired: 'its batch has expired',
} as const;

/** What is told of a line whose message the end of its batch has ended; null for one that has an end of its own. */
export function endedWithBatch(event: TerminalEvent, batch: Pick<Batch, 'expiresAtMs'>): LineAnswer | null {
  if (event.type === 'llmq.message.expired.v1')
    return Date.parse(event.time) >= batch.expiresAtMs ? expiredWith(batch) : null;
  if (event.type !== 'llmq.message.cancelled.v1') return null;
  if (event.data.reason === WITH_BATCH.cancelled) return CANCELLED;
  return event.data.reason === WITH_BATCH.expired ? expiredWith(batch) : null;
}

const CANCELLED: LineAnswer = {
  ...{ kind: 'error', code: 'batch_cancelled' },
  message: 'The batch was cancelled before this line was answered.',
};

function expiredWith({ expiresAtMs }: Pick<Batch, 'expiresAtMs'>): LineAnswer {
  const until = new Date(expiresAtMs).toISOString();
  const message = `The line could not be answered before the batch expired, at ${until}.`;
  return { kind: 'error', code: 'batch_expired', message };
}

/**
 * What is told of a line that has no end, by the end of its batch.
 *
 * @param isAlive its message had ended when the batch did, and was requeued since
 */
export function unaskedLine(batch: Pick<Batch, 'ending' | 'expiresAtMs'>, isAlive: boolean): LineAnswer {
  if (batch.ending === 'cancelled') return CANCELLED;
  if (batch.ending === 'expired') return expiredWith(batch);
  if (isAlive) {
    const message = 'The message of the line was requeued, and had not ended again with its batch.';
    return { kind: 'error', code: 'requeued', message };
  }
  return { kind: 'error', code: 'not_found', message: 'The message of the line is not there any more.' };
}
