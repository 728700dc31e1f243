import { table } from '../table.policy.js';
import { timeText } from '../terminal/amounts.policy.js';
import { plainLine, shortened } from '../terminal/plain-text.policy.js';

interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly status: number | null;
}

/** A dead letter as `GET /api/v1/admin/dead-letters` tells it. */
export interface ToldDeadLetter {
  readonly id: string;
  readonly user_id: string;
  readonly priority: string;
  readonly model: string | null;
  readonly attempts: number;
  readonly error: ToldError;
  readonly failed_at: string;
}

export interface ToldDeadLetterDetail extends ToldDeadLetter {
  readonly message: { readonly content?: string | null };
  readonly history: readonly {
    readonly attempt: number;
    readonly endpoint: string | null;
    readonly model: string | null;
    readonly started_at: string | null;
    readonly outcome: string | null;
    readonly error: ToldError | null;
  }[];
}

export function deadLettersText(letters: readonly ToldDeadLetter[]): string {
  if (letters.length === 0) return 'There are no dead letters.\n';
  return table([
    ['message', 'failed', 'lane', 'user', 'model', 'attempts', 'error', ''],
    ...letters.map(({ id, failed_at, priority, user_id, model, attempts, error }) => [
      ...[id, timeText(failed_at), priority, shortened(user_id, 20), shortened(model ?? '-', 20)],
      ...[String(attempts), error.code, shortened(error.message, 50)],
    ]),
  ]);
}

export function deadLetterText(letter: ToldDeadLetterDetail): string {
  const { id, error, history, message } = letter;
  const attempts = table([
    ['attempt', 'started', 'endpoint', 'model', 'outcome', 'error'],
    ...history.map((one) => [
      ...[String(one.attempt), timeText(one.started_at), one.endpoint ?? '-', one.model ?? '-'],
      ...[one.outcome ?? 'none', one.error === null ? '' : errorText(one.error)],
    ]),
  ]);
  const asked = message.content ? `\n\nAsked: ${shortened(message.content, 200)}` : '';
  return `${id} failed at ${timeText(letter.failed_at)}: ${errorText(error)}${asked}\n\n${attempts}`;
}

function errorText({ code, message, status }: ToldError): string {
  return `${plainLine(message)} (${status === null ? code : `${code}, ${status}`})`;
}
