import type { Batch } from './batch.state.js';

/** As long as a call is known that an SDK repeats. */
const TRIED_WITHIN_MS = 10 * 60_000;

type Asked = 'inputFileId' | 'endpoint' | 'completionWindow' | 'metadata' | 'outputExpiresAfterS';

/**
 * Whether an earlier try of the same request has made this batch, for clients that count their tries and have no
 * `Idempotency-Key`. Carried out twice, a batch costs twice as much. An uploaded file has an id of its own, so that two
 * batches that are alike in all of this are hardly ever meant.
 */
export function isOfEarlierTry(
  batch: Batch,
  asked: Pick<Batch, Asked>,
  caller: string,
  nowMs: number,
): boolean {
  return (
    batch.caller.name === caller &&
    nowMs - batch.createdAtMs <= TRIED_WITHIN_MS &&
    batch.inputFileId === asked.inputFileId &&
    batch.endpoint === asked.endpoint &&
    batch.completionWindow === asked.completionWindow &&
    batch.outputExpiresAfterS === asked.outputExpiresAfterS &&
    JSON.stringify(batch.metadata) === JSON.stringify(asked.metadata)
  );
}
