import { type Batch, type BatchStatus, resultFiles } from '../../../operations/batches/batch.state.js';

const AT: Readonly<Partial<Record<BatchStatus, string>>> = {
  in_progress: 'in_progress_at',
  finalizing: 'finalizing_at',
  completed: 'completed_at',
  failed: 'failed_at',
  expired: 'expired_at',
  cancelling: 'cancelling_at',
  cancelled: 'cancelled_at',
};

/** In OpenAI's form, in which a time that has not come is null. */
export function batchJson(batch: Batch): object {
  const times = Object.entries(AT).map(([status, name]) => [
    name,
    seconds(batch.times[status as BatchStatus]),
  ]);
  const { output, error } = resultFiles(batch);
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    model: batch.model,
    errors: batch.errors.length === 0 ? null : { object: 'list', data: batch.errors },
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: batch.status,
    output_file_id: output,
    error_file_id: error,
    created_at: seconds(batch.createdAtMs),
    expires_at: seconds(batch.expiresAtMs),
    ...Object.fromEntries(times),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    usage: batch.usage,
    metadata: batch.metadata,
  };
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1_000);
}
