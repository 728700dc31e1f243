import type { AttemptError, TerminalEvent } from '../../domain/message/message.events.js';

export type FailedEnd = Exclude<TerminalEvent, { type: 'llmq.message.completed.v1' }>;

export interface FailedAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * What an OpenAI client is told of a message that ended without an answer.
 *
 * | how it ended | status |
 * |---|---|
 * | the endpoint rejects the request (400, 404, 409, 413, 422, ...) | the endpoint's own |
 * | the endpoint rejects our key (401, 403) | 502: the client's own key is fine |
 * | the endpoint still limits its rate after the last attempt | 429 |
 * | no attempt was finished in time | 504 |
 * | every other failure, after the last attempt | 502 |
 * | cancelled | 409 |
 * | expired | 504 |
 */
export function failedAnswer(end: FailedEnd): FailedAnswer {
  switch (end.type) {
    case 'llmq.message.dead-lettered.v1':
      return deadLettered(end.data.error, end.data.attempt);
    case 'llmq.message.cancelled.v1':
      return { status: 409, code: 'cancelled', message: `The message was cancelled: ${end.data.reason}` };
    case 'llmq.message.expired.v1':
      return { status: 504, code: 'expired', message: `The message expired: ${end.data.reason}` };
  }
}

function deadLettered(error: AttemptError, attempts: number): FailedAnswer {
  const tries = attempts === 1 ? '' : ` (after ${attempts} attempts)`;
  return { status: statusOf(error), code: error.code, message: `${error.message}${tries}` };
}

function statusOf({ status, code }: AttemptError): number {
  if (status === 401 || status === 403) return 502;
  if (status === 408 || code.endsWith('_timeout')) return 504;
  return status !== null && status >= 400 && status < 500 ? status : 502;
}
