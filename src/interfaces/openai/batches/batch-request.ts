import type { IncomingHttpHeaders } from 'node:http';
import { BATCH_ENDPOINTS } from '../../../operations/batches/batch.state.js';
import type { NewBatch } from '../../../operations/batches/batches.js';
import { type FieldProblem, invalidFields } from '../../../submission/refusal.js';
import * as rules from '../../../submission/submission-rules.policy.js';
import { durationMs } from '../../rest/duration.policy.js';
import { endpointOf } from './openai-lines.js';

const MOST_WINDOW_MS = 7 * 86_400_000;
const MIN_LIFE_S = 3_600;
const MAX_LIFE_S = 2_592_000;
const MOST_METADATA = 16;
const CALLBACK_URL = 'x-llmq-callback-url';

/** What a batch is asked to be. @throws {RefusedError} `invalid_fields`, with all that is wrong */
export function newBatchOf(body: unknown, headers: IncomingHttpHeaders): NewBatch {
  if (!rules.isObject(body)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
  const problems: FieldProblem[] = [];
  const wrong = (field: string, reason: string) => void problems.push({ field, reason });
  const { input_file_id: file, completion_window: window, metadata, output_expires_after: life } = body;
  if (typeof file !== 'string' || file === '') wrong('input_file_id', 'must be the id of a file');
  const endpoint = endpointOf(body['endpoint']);
  if (endpoint === null) wrong('endpoint', `must be one of ${BATCH_ENDPOINTS.join(', ')}`);
  const windowMs = typeof window === 'string' ? durationMs(window) : null;
  if (windowMs === null || windowMs <= 0 || windowMs > MOST_WINDOW_MS) {
    wrong('completion_window', 'must be a duration such as 24h, of 7 days at most');
  }
  if (metadata != null && !isMetadata(metadata)) {
    wrong('metadata', `must have at most ${MOST_METADATA} texts, of at most 512 characters`);
  }
  const seconds = life == null ? null : secondsOf(life);
  if (seconds === undefined) {
    const reason = `must have the anchor created_at, and from ${MIN_LIFE_S} to ${MAX_LIFE_S} seconds`;
    wrong('output_expires_after', reason);
  }
  const callbackUrl = headers[CALLBACK_URL];
  const refusal = callbackUrl === undefined ? null : rules.callbackUrl(callbackUrl);
  if (refusal !== null) wrong(CALLBACK_URL, refusal);
  if (problems.length > 0 || endpoint === null) throw invalidFields(problems);
  return {
    ...{ inputFileId: file as string, endpoint, completionWindow: window as string, windowMs: windowMs ?? 0 },
    metadata: (metadata as Record<string, string> | null | undefined) ?? null,
    outputExpiresAfterS: seconds ?? null,
    callbackUrl: callbackUrl as string | undefined,
  };
}

function isMetadata(value: unknown): value is Record<string, string> {
  if (!rules.isObject(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= MOST_METADATA &&
    entries.every(([name, text]) => name.length <= 64 && typeof text === 'string' && text.length <= 512)
  );
}

/** Undefined for what it must not be. */
function secondsOf(life: unknown): number | undefined {
  if (!rules.isObject(life) || life['anchor'] !== 'created_at') return undefined;
  const seconds = life['seconds'];
  const isRight = Number.isInteger(seconds) && Number(seconds) >= MIN_LIFE_S && Number(seconds) <= MAX_LIFE_S;
  return isRight ? Number(seconds) : undefined;
}
