import { z } from 'zod';
import { assertNever } from '../../domain/assert-never.js';
import { CALLER_ROLES } from '../../domain/caller-role.policy.js';
import { laneSchema } from '../../domain/message/message.events.js';
import { callbackSchema } from '../../domain/webhook/callback.events.js';

/** What the lines of a batch may ask for. */
export const BATCH_ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
] as const;
export type BatchEndpoint = (typeof BATCH_ENDPOINTS)[number];

export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

export const ENDED_STATUSES = ['failed', 'completed', 'expired', 'cancelled'] as const;
const TERMINAL: readonly BatchStatus[] = ENDED_STATUSES;
export const OPEN_STATUSES = BATCH_STATUSES.filter((status) => !TERMINAL.includes(status));

/** Why a batch can't be begun. `line` counts from 1; null for what is wrong with all of it. */
export const batchErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
  line: z.number().int().nullable(),
});
export type BatchError = z.infer<typeof batchErrorSchema>;

const count = z.number().int().nonnegative();

export const batchUsageSchema = z.object({
  input_tokens: count,
  input_tokens_details: z.object({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.object({ reasoning_tokens: count }),
  total_tokens: count,
});
export type BatchUsage = z.infer<typeof batchUsageSchema>;

/** Up to `line` every line has ended, so many of them with an answer. Whoever takes the batch over begins behind it. */
export const markSchema = z.object({ line: count, completed: count, failed: count });
export type Mark = z.infer<typeof markSchema>;

/** Lines that were not accepted as messages, as ranges. A line of them has an error and no message. */
export const refusedLinesSchema = z.object({
  code: z.string(),
  message: z.string(),
  lines: z.array(z.tuple([count, count])),
});
export type RefusedLines = z.infer<typeof refusedLinesSchema>;

/** The webhook about the end of a batch, and how far it is. */
export const batchWebhookSchema = z.object({
  id: z.string(),
  callback: callbackSchema,
  /** That of the request which made the batch: each try goes on with it. */
  trace: z.object({ traceparent: z.string().optional(), tracestate: z.string().optional() }).default({}),
  /** From 1; asked to be delivered again, it begins the next. */
  round: z.number().int().positive().default(1),
  /** Of this round. */
  tries: count,
  /** Not before; of use while it waits. */
  nextAtMs: z.number().int(),
  outcome: z.enum(['waiting', 'delivered', 'failed']),
  lastTriedAtMs: z.number().int().nullable().default(null),
  /** Why the last try was not taken, for programs. */
  reason: z.string().nullable().default(null),
  /** What the receiver answered last. */
  httpStatus: z.number().int().nullable().default(null),
});
export type BatchWebhook = z.infer<typeof batchWebhookSchema>;

/** A batch as it is stored. Times are milliseconds since the epoch; what is not known yet is null. */
export const batchSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  /** A UUIDv7: with the number of a line it makes the id of the line's message. */
  seed: z.string(),
  /** In whose name its messages are submitted. */
  caller: z.object({
    name: z.string(),
    role: z.enum(CALLER_ROLES),
    mostUrgent: laneSchema.optional(),
  }),
  endpoint: z.enum(BATCH_ENDPOINTS),
  inputFileId: z.string(),
  completionWindow: z.string(),
  metadata: z.record(z.string(), z.string()).nullable(),
  /** How long its results are kept, in seconds; null: as long as the service keeps files. */
  outputExpiresAfterS: z.number().int().nullable(),
  status: z.enum(BATCH_STATUSES),
  /** What `finalizing` leads to. */
  ending: z.enum(['completed', 'expired', 'cancelled']).nullable(),
  createdAtMs: z.number().int(),
  expiresAtMs: z.number().int(),
  /** When each status began that it had. */
  times: z.partialRecord(z.enum(BATCH_STATUSES), z.number().int()),
  /** The only model that it asks for; null before that is known, and for several. */
  model: z.string().nullable(),
  total: count,
  /** The number of the last line; blank ones are counted in it. */
  lastLine: count,
  completed: count,
  failed: count,
  mark: markSchema,
  refused: z.array(refusedLinesSchema),
  errors: z.array(batchErrorSchema),
  usage: batchUsageSchema.nullable(),
  outputFileId: z.string().nullable(),
  errorFileId: z.string().nullable(),
  /** Null where nobody is told. */
  webhook: batchWebhookSchema.nullable(),
});
export type Batch = z.infer<typeof batchSchema>;

export const NO_LINES: Mark = { line: 0, completed: 0, failed: 0 };

export function hasEnded({ status }: Pick<Batch, 'status'>): boolean {
  return TERMINAL.includes(status);
}

/** Null for one that has not. */
export function endedAtMs(batch: Pick<Batch, 'status' | 'times'>): number | null {
  return hasEnded(batch) ? (batch.times[batch.status] ?? null) : null;
}

function at(batch: Batch, status: BatchStatus, nowMs: number): Batch {
  return { ...batch, status, times: { ...batch.times, [status]: nowMs } };
}

/** Its lines are in order, and are carried out from now on. */
export function begun(
  batch: Batch,
  lines: Pick<Batch, 'total' | 'lastLine' | 'model'>,
  nowMs: number,
): Batch {
  if (batch.status !== 'validating') return batch;
  return { ...at(batch, 'in_progress', nowMs), ...lines };
}

/** It can't be begun. One that was cancelled meanwhile stays so. */
export function failed(batch: Batch, errors: readonly BatchError[], nowMs: number): Batch {
  if (batch.status !== 'validating') return batch;
  return { ...at(batch, 'failed', nowMs), errors: [...errors] };
}

/** Its input is gone, whatever step it is at. */
export function lost(batch: Batch, errors: readonly BatchError[], nowMs: number): Batch {
  return hasEnded(batch) ? batch : { ...at(batch, 'failed', nowMs), errors: [...errors] };
}

/**
 * Null for one that it is too late for: it has ended, or its results are being written. One of which nothing was submitted
 * has ended with this: it may wait long for somebody to carry it out.
 */
export function cancelling(batch: Batch, nowMs: number): Batch | null {
  if (batch.status === 'cancelling') return batch;
  if (batch.status !== 'validating' && batch.status !== 'in_progress') return null;
  const next: Batch = { ...at(batch, 'cancelling', nowMs), ending: 'cancelled' };
  return batch.status === 'validating' ? at(next, 'cancelled', nowMs) : next;
}

/** So far all lines up to the mark have ended, and others behind it. It never goes back. */
export function progressed(
  batch: Batch,
  progress: Pick<Batch, 'completed' | 'failed' | 'mark' | 'refused'>,
): Batch {
  if (hasEnded(batch) || progress.mark.line < batch.mark.line) return batch;
  // Whoever takes a batch over counts from the mark on; what has ended is known already.
  const completed = Math.max(batch.completed, progress.completed);
  // A line that had failed may have been requeued, and completed.
  const failed = Math.min(Math.max(batch.failed, progress.failed), Math.max(0, batch.total - completed));
  return { ...batch, ...progress, completed, failed };
}

export const RESULT_KINDS = ['output', 'error'] as const;
export type ResultKind = (typeof RESULT_KINDS)[number];

/** The same whoever writes it, so that it replaces what another one has written. */
export function resultFileId({ seed }: Pick<Batch, 'seed'>, kind: ResultKind): string {
  return `file-${seed.replaceAll('-', '')}${kind}`;
}

const GROWING: readonly BatchStatus[] = ['in_progress', 'cancelling', 'finalizing'];

/** Null for a file that has no line, or none yet. */
export function resultFiles(batch: Batch): Readonly<Record<ResultKind, string | null>> {
  const { status, completed, failed, outputFileId, errorFileId } = batch;
  if (!GROWING.includes(status)) return { output: outputFileId, error: errorFileId };
  return {
    output: completed === 0 ? null : resultFileId(batch, 'output'),
    error: failed === 0 ? null : resultFileId(batch, 'error'),
  };
}

/** No line is under way any more, and the results are being written. One that is cancelled keeps saying so meanwhile. */
export function finalizing(batch: Batch, ending: 'completed' | 'expired', nowMs: number): Batch {
  if (batch.status !== 'in_progress') return batch;
  return { ...at(batch, 'finalizing', nowMs), ending };
}

export type Results = Pick<Batch, 'completed' | 'failed' | 'usage' | 'outputFileId' | 'errorFileId'>;

/** Its results are there. */
export function ended(batch: Batch, results: Results, nowMs: number): Batch {
  if (batch.ending === null || hasEnded(batch)) return batch;
  return { ...at(batch, batch.ending, nowMs), ...results };
}

/** Whether its webhook has to be sent, now or later. */
export function isToTell(batch: Batch): batch is Batch & { readonly webhook: BatchWebhook } {
  return hasEnded(batch) && batch.webhook?.outcome === 'waiting';
}

/** What a try of a webhook has come to. */
export type WebhookTry = Pick<
  BatchWebhook,
  'round' | 'tries' | 'nextAtMs' | 'outcome' | 'lastTriedAtMs' | 'reason' | 'httpStatus'
>;

/** A try of its webhook has ended. One that has an outcome keeps it, and a round that has begun since knows nothing of it. */
export function told(batch: Batch, change: WebhookTry): Batch {
  const { webhook } = batch;
  if (webhook?.outcome !== 'waiting' || webhook.round !== change.round) return batch;
  return { ...batch, webhook: { ...webhook, ...change } };
}

/** Its webhook is to be sent once more, at once and with all its tries. */
export function toldAgain(batch: Batch, nowMs: number): Batch {
  const { webhook } = batch;
  if (webhook === null) return batch;
  const begun: WebhookTry = {
    ...{ round: webhook.round + 1, tries: 0, nextAtMs: nowMs, outcome: 'waiting' },
    ...{ lastTriedAtMs: null, reason: null, httpStatus: null },
  };
  return { ...batch, webhook: { ...webhook, ...begun } };
}

/** What is to be done next with a batch. `wind_down`: nothing more is submitted, and what is under way is cancelled. */
export type BatchStep = 'validate' | 'carry_out' | 'wind_down' | 'write_results' | 'nothing';

export function nextStep(batch: Batch, nowMs: number): BatchStep {
  switch (batch.status) {
    case 'validating':
      return 'validate';
    case 'in_progress':
      return nowMs >= batch.expiresAtMs ? 'wind_down' : 'carry_out';
    case 'cancelling':
      return 'wind_down';
    case 'finalizing':
      return 'write_results';
    case 'failed':
    case 'completed':
    case 'expired':
    case 'cancelled':
      return 'nothing';
    default:
      return assertNever(batch.status);
  }
}
