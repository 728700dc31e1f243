import { EXIT } from '../exit-codes.policy.js';
import { table } from '../table.policy.js';
import { timeText } from '../terminal/amounts.policy.js';
import { type Paint, painted } from '../terminal/colour.policy.js';
import { plainLine } from '../terminal/plain-text.policy.js';

/** The webhook about the end of a batch, as the batch tells of it. */
export interface ToldBatchWebhook {
  readonly status: string;
  readonly tries: number;
  readonly next_try_at: string | null;
  readonly reason: string | null;
  readonly http_status: number | null;
}

/** A batch as `GET /api/v1/batches/{id}` tells it. */
export interface ToldBatch {
  readonly id: string;
  readonly status: string;
  readonly endpoint: string;
  readonly completion_window: string;
  readonly model: string | null;
  readonly lines: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly errors: readonly { readonly line?: number | null; readonly message: string }[];
  readonly created_at: string;
  readonly expires_at: string;
  readonly ended_at: string | null;
  /** Absent where an earlier version answers. */
  readonly webhook?: ToldBatchWebhook | null;
}

const ENDED = ['completed', 'failed', 'expired', 'cancelled'];

export function batchHasEnded({ status }: Pick<ToldBatch, 'status'>): boolean {
  return ENDED.includes(status);
}

/** 0 only where each line has its answer. */
export function exitCodeOfBatch({ status, lines }: Pick<ToldBatch, 'status' | 'lines'>): number {
  return status === 'completed' && lines.failed === 0 ? EXIT.done : EXIT.noAnswer;
}

/** `in_progress: 40 of 100 lines, 2 failed`. */
export function progressText({ status, lines }: ToldBatch): string {
  const ended = lines.completed + lines.failed;
  const failed = lines.failed === 0 ? '' : `, ${lines.failed} failed`;
  return `${status}: ${ended} of ${lines.total} lines${failed}`;
}

export function batchText(batch: ToldBatch, paint: Paint): string {
  const facts: [string, string | null][] = [
    ['batch', batch.id],
    ['status', progressText(batch).replace(batch.status, painted(paint, batch.status))],
    ['endpoint', batch.endpoint],
    ['model', batch.model],
    ['created', timeText(batch.created_at)],
    ['ends by', batchHasEnded(batch) ? null : timeText(batch.expires_at)],
    ['ended', batch.ended_at === null ? null : timeText(batch.ended_at)],
    ['webhook', batch.webhook == null ? null : webhookText(batch.webhook)],
  ];
  const lines = facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${paint('dim', name.padEnd(8))}  ${value}\n`);
  return lines.join('') + errorsText(batch);
}

/** `failed after 10 tries: bad_status 503`. */
function webhookText({ status, tries, next_try_at: nextAt, reason, http_status }: ToldBatchWebhook): string {
  const tried = tries === 0 ? '' : ` after ${tries} ${tries === 1 ? 'try' : 'tries'}`;
  const why = reason === null ? '' : `: ${[reason, http_status].filter((part) => part !== null).join(' ')}`;
  const next = nextAt === null ? '' : `, next try ${timeText(nextAt)}`;
  return status + tried + why + next;
}

/** What is wrong with the lines of a batch that was refused. */
export function errorsText({ errors }: Pick<ToldBatch, 'errors'>): string {
  if (errors.length === 0) return '';
  const lines = errors.map(
    ({ line, message }) => `- ${line == null ? '' : `line ${line}: `}${plainLine(message)}\n`,
  );
  return `\nWrong:\n${lines.join('')}`;
}

export function batchesText(batches: readonly ToldBatch[]): string {
  if (batches.length === 0) return 'There are no batches.\n';
  return table([
    ['batch', 'status', 'lines', 'answered', 'failed', 'endpoint', 'created'],
    ...batches.map(({ id, status, lines, endpoint, created_at }) => [
      ...[id, status, String(lines.total), String(lines.completed), String(lines.failed)],
      ...[endpoint, timeText(created_at)],
    ]),
  ]);
}
